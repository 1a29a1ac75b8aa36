#include "common/configuration/help_text.hpp"

#include "common/configuration/option_value.hpp"

namespace jobengine::configuration {

namespace {

constexpr std::size_t page_width = 100;
constexpr std::size_t text_column = 32;

// Breaks at blanks; every line but the first starts at `indent`.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::string result;
  std::size_t column = indent;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find_first_of(" \n", start), text.size());
    const std::string word = text.substr(start, end - start);
    if (column > indent && column + 1 + word.size() > page_width) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    if (end < text.size() && text[end] == '\n') {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    start = end + 1;
  }
  return result;
}

std::string left_side(const OptionDeclaration& option) {
  std::string text = option.letter != 0 ? std::string("  -") + option.letter + ", " : "      ";
  text += "--" + option.name;
  if (option.kind == OptionKind::Flag) return text;
  std::string placeholder = option.placeholder;
  if (placeholder.empty()) placeholder = option.kind == OptionKind::Integer ? "N" : "VALUE";
  if (option.kind == OptionKind::Duration && option.placeholder.empty()) placeholder = "TIME";
  return text + " " + placeholder + (option.kind == OptionKind::TextList ? "..." : "");
}

std::string right_side(const OptionDeclaration& option) {
  std::string text = option.help;
  if (!option.one_of.empty()) text += " (" + expectation(option) + ")";
  const std::string variable = environment_name(option);
  std::string notes;
  const auto note = [&notes](const std::string& more) {
    notes += (notes.empty() ? "" : ", ") + more;
  };
  if (!option.default_text.empty() && !option.secret) note("default: " + option.default_text);
  if (!variable.empty()) note("environment: " + variable);
  if (option.secret) note("or from a file: --" + option.name + "-file");
  return notes.empty() ? text : text + " [" + notes + "]";
}

}  // namespace

std::string help_text(const ProgramDeclaration& program,
                      const std::vector<OptionDeclaration>& options) {
  std::string text = "Usage: " + program.name + " [OPTION]...\n\n";
  if (!program.description.empty()) text += wrapped(program.description, 0) + "\n\n";
  text += "Options (command line over environment over configuration file over default):\n";
  for (const auto& option : options) {
    if (option.kind == OptionKind::Document) continue;
    std::string line = left_side(option);
    if (line.size() + 2 > text_column) {
      line += "\n" + std::string(text_column, ' ');
    } else {
      line.resize(text_column, ' ');
    }
    text += line + wrapped(right_side(option), text_column) + "\n";
  }
  bool first = true;
  for (const auto& option : options) {
    if (option.kind != OptionKind::Document) continue;
    if (first) text += "\nIn the configuration file only:\n";
    first = false;
    std::string line = "      " + option.name + ":";
    line.resize(std::max(line.size() + 1, text_column), ' ');
    text += line + wrapped(option.help, text_column) + "\n";
  }
  if (!program.footer.empty()) text += "\n" + program.footer + "\n";
  return text;
}

}  // namespace jobengine::configuration
