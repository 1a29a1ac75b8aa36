#include "ctl/log_lines.hpp"

namespace jobengine::ctl {

namespace {

std::string text_at(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string log_line_text(const nlohmann::json& line, bool timestamps) {
  if (!line.is_object()) return {};
  auto text = text_at(line, "text") + "\n";
  if (!timestamps) return text;
  constexpr std::size_t widest = 11;  // "log/warning"
  auto source = text_at(line, "stream");
  const auto level = text_at(line, "level");
  if (!level.empty()) source += "/" + level;
  if (source.size() < widest) source.append(widest - source.size(), ' ');
  return text_at(line, "time") + " " + source + " " + text;
}

std::string AttemptMarks::before(const nlohmann::json& line) {
  if (!line.is_object()) return {};
  const auto found = line.find("attempt");
  if (found == line.end() || !found->is_number_integer()) return {};
  const auto attempt = found->get<std::int64_t>();
  if (attempt == last_) return {};
  last_ = attempt;
  return "-- attempt " + std::to_string(attempt) + " --\n";
}

std::string log_path(const std::string& job, const LogSelection& selection, std::int64_t from,
                     std::int64_t last) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    query += (query.empty() ? "?" : "&") + std::string(name) + "=" + value;
  };
  if (from >= 0) add("from", std::to_string(from));
  if (last >= 0) add("last", std::to_string(last));
  if (selection.attempt > 0) add("attempt", std::to_string(selection.attempt));
  if (!selection.stream.empty()) add("stream", selection.stream);
  return job + "/logs" + query;
}

}  // namespace jobengine::ctl
