# One interface target carries what every target of ours is compiled with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# -g1 keeps line numbers for backtraces at a fifth of the size; NDEBUG stays undefined, checks are always on.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_FUZZ "-O1 -g1")

find_program(JE_CCACHE ccache)
if(JE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${JE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${JE_CCACHE})
endif()

add_library(je_compiler_settings INTERFACE)
target_include_directories(je_compiler_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(je_compiler_settings INTERFACE
  -Wall -Wextra -Wpedantic -Werror
  # Files that are compiled together shadow each other's names; the release build tells of shadows within one.
  $<$<NOT:$<BOOL:${JE_UNITY}>>:-Wshadow>
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wswitch-enum -Wnon-virtual-dtor -Woverloaded-virtual>)
target_compile_definitions(je_compiler_settings INTERFACE
  BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL
  JE_VERSION="${PROJECT_VERSION}")

if(JE_CRASH_POINTS)
  target_compile_definitions(je_compiler_settings INTERFACE JE_CRASH_POINTS)
endif()

target_link_options(je_compiler_settings INTERFACE
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-Wl,--version-script=${PROJECT_SOURCE_DIR}/common/cmake/own_asio.map>)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Boost 1.74 knows clang's coroutines only as an experiment and leaves them off unless told.
  target_compile_definitions(je_compiler_settings INTERFACE
    BOOST_ASIO_HAS_CO_AWAIT=1 BOOST_ASIO_HAS_STD_COROUTINE=1)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarm in Asio's frame allocator as soon as gcc inlines it.
  target_compile_options(je_compiler_settings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()

if(JE_SANITIZE)
  add_compile_options(-fsanitize=${JE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${JE_SANITIZE})
  if(JE_SANITIZE MATCHES "undefined")
    # vptr: the packaged cpprest trips it; function: clang cannot encode it for coroutines.
    add_compile_options(-fno-sanitize=vptr -fno-sanitize-recover=all)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      add_compile_options(-fno-sanitize=function)
    endif()
  endif()
  if(JE_SANITIZE MATCHES "thread")
    # Stand-alone fences are not modelled by ThreadSanitizer; Asio can do without them.
    target_compile_definitions(je_compiler_settings INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK=1)
  endif()
endif()

# je_library(NAME <sources> LINK <targets>): a static library of ours.
function(je_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  je_unity(${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC je_compiler_settings ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()

# je_program(NAME <sources> LINK <targets>): an installed program in bin/.
function(je_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  je_unity(${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE je_compiler_settings ${ARG_LINK})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
