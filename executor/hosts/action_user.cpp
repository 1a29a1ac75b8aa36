#include "executor/hosts/action_user.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "common/configuration/options.hpp"

namespace jobengine::executor {

namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& complaint) {
  throw configuration::UsageError("--action-user: \"" + text + "\" " + complaint +
                                  "; expected NAME or UID, with or without :GROUP behind it");
}

std::optional<unsigned> number_of(const std::string& text) {
  unsigned number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number == ~0U) return std::nullopt;
  return number;
}

gid_t group_of(const std::string& text, const std::string& name) {
  if (const auto number = number_of(name)) return *number;
  const group* known = name.empty() ? nullptr : ::getgrnam(name.c_str());
  if (known == nullptr) refuse(text, "names no group of this system");
  return known->gr_gid;
}

std::vector<gid_t> groups_of(const passwd& user) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

// Complains at the start and not with the first job.
void expect_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) < 0) return;
  std::string missing;
  const auto expect = [&](int number, const char* name) {
    if ((data[0].effective >> number & 1U) != 0) return;
    missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  expect(CAP_SETUID, "CAP_SETUID");
  expect(CAP_SETGID, "CAP_SETGID");
  expect(CAP_KILL, "CAP_KILL");
  if (missing.empty()) return;
  throw configuration::UsageError("--action-user needs to be root, or to have the capabilities " +
                                  missing + "; this is user " + std::to_string(::geteuid()) +
                                  ". Without the option, actions run as this user");
}

}  // namespace

ActionUser parse_action_user(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const auto number = number_of(name);
  if (name.empty()) refuse(text, "names no user");
  const passwd* known = number ? ::getpwuid(*number) : ::getpwnam(name.c_str());
  if (known == nullptr && !number) refuse(text, "names no user of this system");
  ActionUser user;
  user.credentials.user = number ? *number : known->pw_uid;
  if (user.credentials.user == 0) refuse(text, "is root, which nothing can be kept from");
  if (known != nullptr) {
    user.environment = {
        {"HOME", known->pw_dir}, {"USER", known->pw_name}, {"LOGNAME", known->pw_name}};
  }
  if (colon != std::string::npos) {
    user.credentials.group = group_of(text, text.substr(colon + 1));
    user.credentials.groups = {user.credentials.group};
  } else if (known == nullptr) {
    refuse(text, "is not in this system's list of users, so that its group must be given");
  } else {
    user.credentials.group = known->pw_gid;
    user.credentials.groups = groups_of(*known);
  }
  expect_capabilities();
  return user;
}

}  // namespace jobengine::executor
