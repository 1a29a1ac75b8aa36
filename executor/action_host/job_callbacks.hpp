// What a plugin sees of its job: implements je_host. [thread-safe] and [action-thread] as the ABI
// header says.
#pragma once

#include <jobengine/plugin_abi.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "executor/action_host/message_sink.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

// A flag that can be polled. One thread raises it, one at a time resets it; looking at it costs no
// system call.
class StopFlag {
 public:
  // Throws runtime::Failure when the system has no event descriptor for us.
  StopFlag();
  ~StopFlag();
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  void raise();
  void reset();
  bool raised() const { return raised_.load(); }
  // True when raised; negative `milliseconds`: no limit.
  bool wait(std::int64_t milliseconds) const;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;  // readable while it is raised
  std::atomic<bool> raised_{false};
};

// Answers of the executor, by request number.
class AnswerBook {
 public:
  // Reserves a number whose answer will be kept.
  std::uint64_t open();
  // What nobody waits for is dropped.
  void put(ApiAnswerMessage answer);
  // Blocks until the answer is there.
  ApiAnswerMessage wait(std::uint64_t request);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::optional<ApiAnswerMessage>> open_;
};

// One run. Built from the message that asks for it; `sink`, `stop` and `answers` outlive it.
class JobContext {
 public:
  JobContext(RunMessage run, MessageSink& sink, StopFlag& stop, AnswerBook& answers);
  ~JobContext();
  JobContext(const JobContext&) = delete;
  JobContext& operator=(const JobContext&) = delete;

  // Runs the action on this thread.
  ResultMessage run(const je_action& action);

 private:
  std::unique_ptr<je_job> job_;
};

}  // namespace jobengine::executor
