#include "executor/action_host/plugin_library.hpp"

#include <dlfcn.h>
#include <elf.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using runtime::Failure;

std::string supported_abi() {
  return std::to_string(JE_ABI_MAJOR) + "." + std::to_string(JE_ABI_MINOR);
}

// dlopen's own message for such files is misleading ("file too short", "invalid ELF header").
void expect_elf(const std::string& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  char start[SELFMAG] = {};
  stream.read(start, SELFMAG);
  if (!stream.is_open() || (stream.bad() && errno != 0)) {
    throw Failure(std::string("cannot be read: ") + std::strerror(errno));
  }
  if (stream.gcount() < SELFMAG || std::memcmp(start, ELFMAG, SELFMAG) != 0) {
    throw Failure("not an ELF file; a plugin is a shared object built for this machine");
  }
}

[[noreturn]] void refuse_version(const std::string& theirs) {
  throw Failure(
      "made for plugin ABI " + theirs + ", this engine has plugin ABI " + supported_abi() +
      "; rebuild the plugin with this engine's SDK, or run an engine that has its version");
}

// The entry symbol carries the major version: a plugin of another one exports a neighbour.
[[noreturn]] void refuse_symbol(void* library) {
  constexpr unsigned latest_guess = 20;
  for (unsigned major = 0; major <= latest_guess; ++major) {
    const std::string symbol = "je_plugin_v" + std::to_string(major);
    if (::dlsym(library, symbol.c_str()) != nullptr) refuse_version(std::to_string(major));
  }
  throw Failure(
      std::string("does not export the symbol ") + JE_PLUGIN_ENTRY +
      "; is it an action plugin? (JE_EXPORT_ACTION of <jobengine/action.hpp> exports it)");
}

std::string text_of(je_string text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size);
}

void expect_abi(const je_plugin& plugin) {
  if (plugin.abi_major != JE_ABI_MAJOR || plugin.abi_minor > JE_ABI_MINOR) {
    refuse_version(std::to_string(plugin.abi_major) + "." + std::to_string(plugin.abi_minor));
  }
  if (plugin.struct_size < sizeof(je_plugin) || plugin.action_count == nullptr ||
      plugin.create_action == nullptr) {
    throw Failure(std::string("its ") + JE_PLUGIN_ENTRY + " is incomplete");
  }
}

}  // namespace

PluginFile::PluginFile(const std::string& file) {
  expect_elf(file);
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Failure(std::string("cannot be loaded: ") + ::dlerror());
  plugin_ = static_cast<const je_plugin*>(::dlsym(library, JE_PLUGIN_ENTRY));
  if (plugin_ == nullptr) refuse_symbol(library);
  expect_abi(*plugin_);
}

PluginLibrary::PluginLibrary(const PluginFile& file) {
  try {
    create_actions(file.plugin());
  } catch (...) {
    destroy_actions();
    throw;
  }
}

PluginLibrary::~PluginLibrary() {
  destroy_actions();
}

void PluginLibrary::create_actions(const je_plugin& plugin) {
  const std::uint32_t count = plugin.action_count();
  constexpr std::uint32_t most_actions = 10000;
  if (count == 0) throw Failure("has no actions");
  if (count > most_actions) throw Failure("claims to have " + std::to_string(count) + " actions");
  for (std::uint32_t index = 0; index < count; ++index) {
    LoadedAction loaded;
    loaded.action.struct_size = sizeof(je_action);
    je_string error{};
    if (const std::int32_t code = plugin.create_action(index, &loaded.action, &error); code != 0) {
      const std::string reason = text_of(error);
      throw Failure("its action number " + std::to_string(index) + " cannot be created: " +
                    (reason.empty() ? "code " + std::to_string(code) : reason));
    }
    actions_.push_back(loaded);
    if (loaded.action.run == nullptr) {
      throw Failure("its action number " + std::to_string(index) + " has no run function");
    }
    Manifest manifest = parse_manifest(text_of(loaded.action.manifest));
    if (find(manifest.name) != nullptr) {
      throw Failure("has two actions of the name " + manifest.name);
    }
    actions_.back().manifest = std::move(manifest);
  }
}

void PluginLibrary::destroy_actions() {
  for (LoadedAction& loaded : actions_) {
    if (loaded.action.destroy != nullptr) loaded.action.destroy(loaded.action.state);
  }
  actions_.clear();
}

std::vector<Manifest> PluginLibrary::manifests() const {
  std::vector<Manifest> result;
  for (const LoadedAction& loaded : actions_) result.push_back(loaded.manifest);
  return result;
}

const je_action* PluginLibrary::find(std::string_view name) const {
  for (const LoadedAction& loaded : actions_) {
    if (loaded.manifest.name == name) return &loaded.action;
  }
  return nullptr;
}

}  // namespace jobengine::executor
