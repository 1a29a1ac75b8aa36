#include "tests/integration/crash/oracle.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace jobengine::tests {

std::vector<ActionRun> read_oracle(const std::string& file) {
  std::map<std::int64_t, ActionRun> runs;
  std::ifstream lines(file);
  for (std::string text; std::getline(lines, text);) {
    if (lines.eof()) break;  // still being written
    const auto line = nlohmann::json::parse(text);
    ActionRun& run = runs[line.at("run").get<std::int64_t>()];
    run.last_seen = line.at("at").get<std::int64_t>();
    run.process = line.at("process").get<int>();
    if (line.at("what") == "end") run.ended = true;
    if (line.at("what") != "start") continue;
    run.started = run.last_seen;
    run.attempt = line.at("attempt").get<int>();
    run.resumed = line.at("resumed").get<bool>();
    run.checkpoint = line.at("checkpoint").get<bool>();
  }
  std::vector<ActionRun> result;
  for (const auto& [number, run] : runs) result.push_back(run);
  return result;
}

std::string told(const std::vector<ActionRun>& runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(runs[i].attempt);
    if (runs[i].resumed) text += " resumed";
    if (runs[i].checkpoint) text += " with checkpoint";
    const bool overlaps = i + 1 < runs.size() && runs[i].last_seen >= runs[i + 1].started;
    if (overlaps) text += " OVERLAPS";
  }
  return text;
}

}  // namespace jobengine::tests
