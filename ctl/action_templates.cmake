# Writes OUTPUT, a source file with every file below TEMPLATES: their paths, texts, and whether they begin with "#!".
set(guard "je_template")
set(entries "")
set(count 0)
file(GLOB_RECURSE files RELATIVE ${TEMPLATES} ${TEMPLATES}/*)
list(SORT files)
foreach(path IN LISTS files)
  file(READ ${TEMPLATES}/${path} text)
  set(executable false)
  if(text MATCHES "^#!")
    set(executable true)
  endif()
  # What must not be mistaken for a source of this project carries ".in".
  string(REGEX REPLACE "\\.in$" "" name "${path}")
  string(APPEND entries "    {\"${name}\",\n     R\"${guard}(${text})${guard}\",\n     ${executable}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "#include \"ctl/action_templates.hpp\"

#include <array>

namespace jobengine::ctl {

std::span<const ActionTemplate> action_templates() {
  static constexpr std::array<ActionTemplate, ${count}> files = {{
${entries}  }};
  return files;
}

}  // namespace jobengine::ctl
")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
file(REMOVE ${OUTPUT}.new)
