// The queue alone, and what ZooKeeper makes of the same operations without it; JSON lines.
//   queue_bench work  --hosts H [--takers N] [--seconds S]
//   queue_bench raw   --hosts H [--batch N] [--put-batch N] [--lanes N] [--seconds S]
//   queue_bench crowd --hosts H [--queues N] [--takers N] [--rate R] [--jobs N] [--waiting N]
// work: one process puts, takes (N at a time) and consumes as fast as it can.
// raw: the same sub-operations through zookeeper::Session, `batch` jobs a multi, `lanes` at a time.
// crowd: N queues with sessions of their own take what one more puts at a fixed rate. Says "ready"
//   and "done" and waits for a byte on stdin after each, so that counters can be read in between.
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "tests/bench/arguments.hpp"
#include "tests/bench/crowd.hpp"
#include "tests/bench/queue_work.hpp"
#include "tests/bench/raw_operations.hpp"

namespace jobengine::bench {
namespace {

awaitable<void> measure(asio::io_context& loop, std::string what, Arguments arguments) {
  const std::string hosts = arguments.text("hosts");
  const double seconds = arguments.number_or("seconds", 3);
  if (what == "work") {
    const QueueWork plan{hosts, arguments.count_or("takers", 256), seconds};
    const auto figure = co_await work_on_queue(loop, plan);
    std::cout << figure.dump() << std::endl;
  } else if (what == "raw") {
    const int batch = arguments.count_or("batch", 1);
    const RawWork plan{hosts, batch, arguments.count_or("put-batch", batch),
                       arguments.count_or("lanes", 16), seconds};
    const auto figure = co_await work_raw(loop, plan);
    std::cout << figure.dump() << std::endl;
  } else if (what == "crowd") {
    const CrowdWork plan{hosts,
                         arguments.count_or("queues", 1),
                         arguments.count_or("takers", 1),
                         arguments.number_or("rate", 100),
                         arguments.count_or("jobs", 500),
                         arguments.count_or("waiting", 0)};
    co_await work_in_crowd(loop, plan);
  } else {
    throw std::invalid_argument("'" + what + "': expected work, raw or crowd");
  }
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw std::invalid_argument("expected work, raw or crowd");
    const jobengine::bench::Arguments arguments(argc, argv, 2);
    jobengine::runtime::EventLoop loop;
    loop.run(jobengine::bench::measure(loop.context(), argv[1], arguments));
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "queue_bench: " << failure.what() << "\n";
    return 1;
  }
}
