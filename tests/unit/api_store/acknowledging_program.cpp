// Writes jobs without end and prints the id of each as soon as the store has answered. To be
// killed.
#include <unistd.h>

#include <string>

#include "api/store/store.hpp"
#include "common/runtime/task_group.hpp"

using namespace jobengine;
using namespace jobengine::api::store;

namespace {

awaitable<void> write_jobs(Store& store, int writer) {
  for (int i = 0;; ++i) {
    const std::string id = "job/" + std::to_string(writer) + "-" + std::to_string(i);
    const nlohmann::json document = {
        {"id", id}, {"state", "QUEUED"}, {"payload", std::string(500, 'x')}};
    std::vector<Change> changes;
    changes.push_back({id, [document](const StoredDocument*) {
                         return Decision{Decision::Kind::Put, document, true};
                       }});
    co_await store.change(std::move(changes));
    const std::string line = id + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0)
      co_return;  // one call: never half a line
  }
}

}  // namespace

int main(int, char** arguments) {
  const auto store = open_sqlite_store(arguments[1]);
  asio::io_context loop(1);
  runtime::TaskGroup group(loop.get_executor());
  for (int writer = 0; writer < 20; ++writer) group.spawn(write_jobs(*store, writer));
  loop.run();
  return 0;
}
