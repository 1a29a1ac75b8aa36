// The options of job-executor.
#pragma once

#include "common/configuration/options.hpp"
#include "executor/executor.hpp"
#include "executor/plugins/catalog.hpp"

namespace jobengine::executor {

configuration::ProgramDeclaration program_declaration();

// Throws UsageError for values that do not go together.
ExecutorOptions executor_options(const configuration::Settings& settings);

std::vector<ActionDirectory> action_directories(const configuration::Settings& settings);

std::vector<std::string> executor_labels(const configuration::Settings& settings);

// True in the image that edges run: only actions with pull mode are there then.
bool is_lite_image();

}  // namespace jobengine::executor
