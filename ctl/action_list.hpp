// What is said about actions: as a table, or everything about one. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace jobengine::ctl {

// `report` everywhere: what GET /actions of an executor answers, or the same made of the files of a
// directory: {"actions": [{"name", "manifest", "file", …}], "refused": [{"file", "reason"}]}.

// `width`: of the terminal; 0: none.
std::string table_of_actions(const nlohmann::json& report, std::size_t width);
// A line for each file that is not in service; "" when there is none.
std::string refused_files(const nlohmann::json& report);
// The action of that name, else the longest pattern it fits ("bulk_*"). Throws runtime::Failure
// with the nearest name.
const nlohmann::json& find_action(const nlohmann::json& report, const std::string& name);
std::string description_of_action(const nlohmann::json& action);

}  // namespace jobengine::ctl
