#include "executor/plugins/directory_watch.hpp"

#include <sys/inotify.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;

// IN_MODIFY: somebody is still writing. IN_ATTRIB: made executable, or its last name is gone.
constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                             IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF |
                                             IN_ATTRIB | IN_MODIFY | IN_ONLYDIR;
// As many symbolic links as the kernel follows.
constexpr int most_links = 40;

}  // namespace

DirectoryWatch::DirectoryWatch(asio::io_context& loop, std::function<void()> on_change)
    : on_change_(std::move(on_change)), descriptor_(loop) {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) {
    throw runtime::Failure(std::string("no inotify instance: ") + std::strerror(errno) +
                           " (sysctl fs.inotify.max_user_instances)");
  }
  descriptor_.assign(descriptor);
}

// Each symbolic link on the way to `path` can be swapped in its folder, and what is missing can
// come.
void DirectoryWatch::plan_way(Plan& plan, const std::string& path, int links_left) {
  fs::path done;
  for (const fs::path& part : fs::path(path)) {
    const fs::path next = done / part;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(next, error);
    if (!fs::exists(status)) {
      plan[done.string()].names.insert(part.string());
      return;
    }
    if (fs::is_symlink(status)) {
      plan[done.string()].names.insert(part.string());
      const fs::path target = fs::read_symlink(next, error);
      if (error || links_left <= 0) return;
      plan_way(plan, (done / target).lexically_normal().string(), links_left - 1);
    }
    done = next;
  }
}

std::vector<std::string> DirectoryWatch::cover(const std::vector<std::string>& folders,
                                               const std::vector<std::string>& files) {
  Plan plan;
  for (const std::string& folder : folders) {
    std::error_code error;
    plan_way(plan, fs::absolute(folder, error).lexically_normal().string(), most_links);
    if (fs::is_directory(folder, error)) plan[folder].all = true;
  }
  for (const std::string& file : files) {
    std::error_code error;
    if (!fs::is_symlink(file, error)) continue;
    const fs::path absolute = fs::absolute(file, error).lexically_normal();
    plan_way(plan, absolute.string(), most_links);
    const fs::path real = fs::canonical(file, error);
    if (!error) plan[real.parent_path().string()].names.insert(real.filename().string());
  }

  std::vector<std::string> complaints;
  std::map<int, Wanted> watched;
  for (auto& [folder, wanted] : plan) {
    const int number =
        ::inotify_add_watch(descriptor_.native_handle(), folder.c_str(), events_of_interest);
    if (number < 0) {
      if (errno != ENOENT) complaints.push_back(folder + ": " + std::strerror(errno));
      continue;
    }
    Wanted& all = watched[number];  // two ways to one folder are one watch
    all.all = all.all || wanted.all;
    all.names.merge(wanted.names);
  }
  for (const auto& [number, wanted] : watched_) {
    if (!watched.contains(number)) ::inotify_rm_watch(descriptor_.native_handle(), number);
  }
  watched_ = std::move(watched);
  return complaints;
}

bool DirectoryWatch::concerns_us(std::string_view events) const {
  while (events.size() >= sizeof(inotify_event)) {
    inotify_event event{};
    std::memcpy(&event, events.data(), sizeof event);
    const std::string_view name(events.data() + sizeof event,
                                ::strnlen(events.data() + sizeof event, event.len));
    events.remove_prefix(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
    const auto watched = watched_.find(event.wd);
    if (watched == watched_.end()) continue;
    const bool itself =
        (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0;
    if (itself || watched->second.all) return true;
    if (watched->second.names.contains(std::string(name))) return true;
  }
  return false;
}

awaitable<void> DirectoryWatch::read() {
  std::string bytes(16UL * 1024, '\0');
  boost::system::error_code error;
  while (descriptor_.is_open()) {
    const auto buffer = asio::buffer(bytes);
    const std::size_t size =
        co_await descriptor_.async_read_some(buffer, asio::redirect_error(use_awaitable, error));
    if (error) break;
    if (concerns_us(std::string_view(bytes).substr(0, size))) on_change_();
  }
}

void DirectoryWatch::close() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace jobengine::executor
