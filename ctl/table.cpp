#include "ctl/table.hpp"

#include <algorithm>
#include <numeric>

#include "common/runtime/failure.hpp"

namespace jobengine::ctl {

namespace {

constexpr std::size_t gap = 2;

bool starts_code_point(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

}  // namespace

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string cut(std::string_view text, std::size_t limit) {
  if (columns(text) <= limit) return std::string(text);
  if (limit == 0) return "";
  std::size_t kept = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    if (starts_code_point(text[end])) {
      if (kept == limit - 1) break;
      ++kept;
    }
    ++end;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& byte : line) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x20 || value == 0x7F) byte = ' ';
  }
  return line;
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void Table::add(std::vector<std::string> cells) {
  JE_CHECK(cells.size() == headings_.size(), "one cell per column");
  for (std::string& cell : cells) cell = one_line(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    std::size_t widest = columns(headings_[column]);
    for (const auto& row : rows_) widest = std::max(widest, columns(row[column]));
    widths.push_back(widest);
  }
  if (width > 0 && !widths.empty()) {
    const std::size_t before =
        std::accumulate(widths.begin(), widths.end() - 1, gap * (widths.size() - 1));
    const std::size_t left = width > before ? width - before : 0;
    widths.back() = std::min(widths.back(), std::max(left, columns(headings_.back())));
  }
  std::string text;
  auto write = [&](const std::vector<std::string>& row) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      const bool last = column + 1 == row.size();
      const std::string cell = last ? cut(row[column], widths[column]) : row[column];
      text += cell;
      if (!last) text.append(widths[column] - columns(cell) + gap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  write(headings_);
  for (const auto& row : rows_) write(row);
  return text;
}

}  // namespace jobengine::ctl
