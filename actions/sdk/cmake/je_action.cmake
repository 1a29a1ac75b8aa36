# je_action(NAME sources… [LINK targets…] [NO_INSTALL]): an action plugin NAME.so, built in JE_ACTIONS_OUTPUT_DIRECTORY
# and installed to JE_ACTIONS_INSTALL_DIRECTORY. It exports the plugin's entry symbol and nothing else, so that two
# plugins never share a symbol by accident.
function(je_action name)
  cmake_parse_arguments(ARG "NO_INSTALL" "" "LINK" ${ARGN})
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_exports.map)
  if(NOT ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "je_action(${name}): no source files")
  endif()
  add_library(${name} MODULE ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE JobEngine::sdk ${ARG_LINK})
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${exports})
  # Visibility alone would still let instances of the standard library's templates out.
  target_link_options(${name} PRIVATE -Wl,--version-script=${exports})
  # What is not defined anywhere is told now, and not when the engine loads the plugin. Sanitizers come with the program.
  if(NOT JE_SANITIZE AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(JE_ACTIONS_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${JE_ACTIONS_OUTPUT_DIRECTORY})
  endif()
  if(NOT ARG_NO_INSTALL)
    install(TARGETS ${name} LIBRARY DESTINATION ${JE_ACTIONS_INSTALL_DIRECTORY})
  endif()
endfunction()
