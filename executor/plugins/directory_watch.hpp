// Tells when something may have changed in folders, or in what leads to them: symbolic links that
// are swapped (as Docker and Kubernetes do with mounted volumes), folders that come and go.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/asio.hpp"

namespace jobengine::executor {

// Lives on the loop. File systems that tell of no changes (NFS) stay silent.
class DirectoryWatch {
 public:
  // `on_change` is called on the loop for each batch of events. Throws runtime::Failure when the
  // kernel gives no watch.
  DirectoryWatch(asio::io_context& loop, std::function<void()> on_change);
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // What is watched from now on: everything in these folders, and where these files come from.
  // To be called before what they hold is looked at, so that nothing happens in between unseen.
  // Returns the folders that could not be watched, with the reason.
  std::vector<std::string> cover(const std::vector<std::string>& folders,
                                 const std::vector<std::string>& files);

  // Returns after close(). To be run (and joined) by the owner.
  awaitable<void> read();
  void close();

 private:
  struct Wanted {
    std::set<std::string> names;  // of interest in the folder
    bool all = false;
  };
  using Plan = std::map<std::string, Wanted>;  // by folder

  static void plan_way(Plan& plan, const std::string& path, int links_left);
  bool concerns_us(std::string_view events) const;

  std::function<void()> on_change_;
  asio::posix::stream_descriptor descriptor_;
  std::map<int, Wanted> watched_;
};

}  // namespace jobengine::executor
