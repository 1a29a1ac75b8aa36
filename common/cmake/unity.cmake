# Several sources in one translation unit (JE_UNITY), for clang-tidy and the sanitizer builds of run-tests, whose time goes into
# the headers: they read each an eighth as often. What ships is built file by file, which also shows that each includes what it needs.
option(JE_UNITY "Compile several sources at once: run-tests does so but for the release build" OFF)
if(JE_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The frame of a coroutine in an included file has members of that file's own types.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
  endif()
endif()

# Files whose names of their own clash with a neighbour's are compiled alone. When the compiler says "redefinition" in a
# file that begins with unity_, add one of the two.
set(JE_COMPILED_ALONE
  api/cimi/generic_type_reader.cpp
  api/cimi/resource_metadata.cpp
  api/cimi/service.cpp
  api/cimi/session_collection.cpp
  api/events/stream.cpp
  api/filter/full_text.cpp
  api/listener_options.cpp
  api/store/aggregations.cpp
  api/store/job_log_reader.cpp
  api/store/write_health.cpp
  common/cimi/http_client.cpp
  common/cimi/http_threads.cpp
  common/queue/queue_put.cpp
  common/queue/queue_refresh.cpp
  ctl/command_line.cpp
  ctl/job_file.cpp
  executor/plugins/manifest.cpp
  tests/integration/api/feed_burst_test.cpp
  tests/integration/api/listener_tls_test.cpp
  tests/integration/api/stream_test.cpp
  tests/integration/cimi/kept_connection_test.cpp
  tests/integration/crash/distributor_test.cpp
  tests/integration/crash/executor_test.cpp
  tests/integration/crash/keeper_test.cpp
  tests/integration/crash/small_system.cpp
  tests/integration/ctl/jobctl_commands_test.cpp
  tests/integration/distributor/dead_leader_test.cpp
  tests/integration/distributor/distribution_leader_test.cpp
  tests/integration/distributor/missed_ticks_test.cpp
  tests/integration/executor/executable_action_test.cpp
  tests/integration/executor/frozen_plugin_test.cpp
  tests/integration/executor/job_log_program_test.cpp
  tests/integration/executor/job_log_test.cpp
  tests/integration/executor/report_pace_test.cpp
  tests/integration/executor/retry_program_test.cpp
  tests/integration/executor/retry_run_test.cpp
  tests/integration/queue/listings_test.cpp
  tests/integration/zookeeper/session_loss_test.cpp
  tests/support/loop_test.cpp
  tests/unit/actions/bulk_operation_test.cpp
  tests/unit/actions/http_request_test.cpp
  tests/unit/actions/sdk_job_test.cpp
  tests/unit/api_cimi/job_rules_test.cpp
  tests/unit/api_filter/evaluate_test.cpp
  tests/unit/api_store/store_entries_test.cpp
  tests/unit/api_store/store_search_test.cpp
  tests/unit/api_store/store_test.cpp
  tests/unit/api_store/recent_documents_test.cpp
  tests/unit/api_store/write_limits_test.cpp
  tests/unit/distributor/misfire_test.cpp
  tests/unit/executor/retry_plan_test.cpp
  tests/unit/queue/allotments_test.cpp
  tests/unit/queue/crowd_test.cpp
)

# je_unity(<sources of the current folder>)
function(je_unity)
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE file)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    if(file IN_LIST JE_COMPILED_ALONE)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()
