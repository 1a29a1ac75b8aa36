#include "executor/action_host/job_callbacks.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "common/runtime/failure.hpp"

using namespace jobengine::executor;

struct je_job {
  std::string id;
  std::string action;
  std::string target;
  std::string payload;
  std::string document;
  std::int32_t attempt = 1;
  bool resumed = false;
  MessageSink* sink = nullptr;
  StopFlag* stop = nullptr;
  AnswerBook* answers = nullptr;
  std::int32_t outcome = JE_OUTCOME_RETURN_CODE;  // action thread only
  std::string outcome_message;                    // action thread only
  std::int64_t retry_delay_ms = 0;                // action thread only
  std::string checkpoint;
  // Why checkpoints were not kept: handed out, so that they stay until the run is over.
  std::mutex reasons_mutex;
  std::deque<std::string> reasons;
};

namespace {

// The value of a textual member; empty when there is none.
std::string text_at(const nlohmann::json& object, const char* member) {
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

RunMessage::Facts facts_of(const std::string& document_text) {
  const auto document = nlohmann::json::parse(document_text);
  RunMessage::Facts facts;
  facts.id = text_at(document, "id");
  facts.payload = text_at(document, "payload");
  if (const auto target = document.find("target-resource"); target != document.end()) {
    facts.target = text_at(*target, "href");
  }
  return facts;
}

je_string borrowed(const std::string& text) {
  return {text.data(), text.size()};
}

std::string copied(je_string text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size);
}

std::vector<std::pair<std::string, std::string>> header_lines(je_string text) {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string rest = copied(text);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string line = rest.substr(0, end);
    rest = end == std::string::npos ? std::string() : rest.substr(end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) continue;
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    headers.emplace_back(line.substr(0, colon),
                         value == std::string::npos ? std::string() : line.substr(value));
  }
  return headers;
}

void api_request(je_job* job, const je_api_request* request, je_api_answer answer, void* context) {
  ApiRequestMessage message;
  message.method = copied(request->method);
  message.path = copied(request->path);
  message.content_type = copied(request->content_type);
  if (message.content_type.empty()) message.content_type = "application/json";
  message.body = copied(request->body);
  message.headers = header_lines(request->headers);
  message.as_identity = copied(request->as_identity);
  message.request = job->answers->open();
  const std::uint64_t number = message.request;
  job->sink->send(std::move(message));
  const ApiAnswerMessage reply = job->answers->wait(number);
  answer(context, reply.status, borrowed(reply.body));
}

int32_t refuse_checkpoint(je_job* job, std::string reason, je_string* why) {
  const std::lock_guard lock(job->reasons_mutex);
  job->reasons.push_back(std::move(reason));
  if (why != nullptr) *why = borrowed(job->reasons.back());
  return 1;
}

int32_t save_checkpoint(je_job* job, je_string json, je_string* why) {
  CheckpointMessage message;
  message.text = copied(json);
  if (message.text.size() > longest_checkpoint) {
    return refuse_checkpoint(job,
                             "it has " + std::to_string(message.text.size()) +
                                 " bytes; a checkpoint has at most " +
                                 std::to_string(longest_checkpoint),
                             why);
  }
  if (!nlohmann::json::accept(message.text)) {
    return refuse_checkpoint(job, "it is not JSON", why);
  }
  message.request = job->answers->open();
  const std::uint64_t number = message.request;
  job->sink->send(std::move(message));
  ApiAnswerMessage reply = job->answers->wait(number);
  if (reply.status != 0) return 0;
  return refuse_checkpoint(job, std::move(reply.body), why);
}

je_host make_host() {
  je_host host{};
  host.struct_size = sizeof host;
  host.abi_major = JE_ABI_MAJOR;
  host.abi_minor = JE_ABI_MINOR;
  host.job_id = [](const je_job* job) { return borrowed(job->id); };
  host.job_action = [](const je_job* job) { return borrowed(job->action); };
  host.job_target = [](const je_job* job) { return borrowed(job->target); };
  host.job_payload = [](const je_job* job) { return borrowed(job->payload); };
  host.job_document = [](const je_job* job) { return borrowed(job->document); };
  host.job_attempt = [](const je_job* job) { return job->attempt; };
  host.job_resumed = [](const je_job* job) { return std::int32_t{job->resumed ? 1 : 0}; };
  host.set_progress = [](je_job* job, std::int32_t percent) {
    job->sink->send(ProgressMessage{std::clamp(percent, 0, 100)});
  };
  host.set_status = [](je_job* job, je_string text) {
    job->sink->send(StatusMessage{copied(text)});
  };
  host.add_affected_resource = [](je_job* job, je_string href) {
    job->sink->send(AffectedResourceMessage{copied(href)});
  };
  host.log = [](je_job* job, std::int32_t level, je_string line) {
    job->sink->send(LogMessage{level, copied(line)});
  };
  host.stop_requested = [](const je_job* job) { return std::int32_t{job->stop->raised() ? 1 : 0}; };
  host.wait_for_stop = [](const je_job* job, std::int64_t milliseconds) {
    return std::int32_t{job->stop->wait(milliseconds) ? 1 : 0};
  };
  host.stop_descriptor = [](const je_job* job) { return std::int32_t{job->stop->descriptor()}; };
  host.api_request = api_request;
  host.set_outcome = [](je_job* job, std::int32_t outcome, je_string message) {
    job->outcome = outcome;
    job->outcome_message = copied(message);
  };
  host.get_extension = [](je_string) -> const void* { return nullptr; };
  host.load_checkpoint = [](const je_job* job) { return borrowed(job->checkpoint); };
  host.save_checkpoint = save_checkpoint;
  host.set_retry_delay = [](je_job* job, std::int64_t milliseconds) {
    job->retry_delay_ms = std::max<std::int64_t>(0, milliseconds);
  };
  return host;
}

}  // namespace

namespace jobengine::executor {

StopFlag::StopFlag() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw runtime::Failure(std::string("cannot make an event descriptor: ") + std::strerror(errno));
  }
}

StopFlag::~StopFlag() {
  ::close(descriptor_);
}

// The descriptor first: a reset in between takes nothing away of a flag it does not see.
void StopFlag::raise() {
  if (raised()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(descriptor_, &one, sizeof one);
  raised_.store(true);
}

void StopFlag::reset() {
  if (!raised_.exchange(false)) return;
  std::uint64_t count = 0;
  [[maybe_unused]] auto size = ::read(descriptor_, &count, sizeof count);
}

bool StopFlag::wait(std::int64_t milliseconds) const {
  using std::chrono::steady_clock;
  if (raised()) return true;
  if (milliseconds == 0) return false;
  const auto start = steady_clock::now();
  for (;;) {
    pollfd readable{descriptor_, POLLIN, 0};
    std::int64_t left = -1;
    if (milliseconds >= 0) {
      const auto passed =
          std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
      left = std::max<std::int64_t>(0, milliseconds - passed.count());
    }
    constexpr std::int64_t longest = std::numeric_limits<int>::max();
    const int result = ::poll(&readable, 1, static_cast<int>(std::min(left, longest)));
    if (result > 0) return true;
    if (left == 0) return false;
  }
}

std::uint64_t AnswerBook::open() {
  const std::lock_guard lock(mutex_);
  open_.emplace(++last_, std::nullopt);
  return last_;
}

void AnswerBook::put(ApiAnswerMessage answer) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(answer.request);
  if (found == open_.end()) return;
  found->second = std::move(answer);
  arrived_.notify_all();
}

ApiAnswerMessage AnswerBook::wait(std::uint64_t request) {
  std::unique_lock lock(mutex_);
  const auto found = open_.find(request);
  JE_CHECK(found != open_.end(), "an open request");
  arrived_.wait(lock, [&] { return found->second.has_value(); });
  ApiAnswerMessage answer = std::move(*found->second);
  open_.erase(found);
  return answer;
}

JobContext::JobContext(RunMessage run, MessageSink& sink, StopFlag& stop, AnswerBook& answers)
    : job_(std::make_unique<je_job>()) {
  RunMessage::Facts facts = run.facts ? std::move(*run.facts) : facts_of(run.document);
  job_->id = std::move(facts.id);
  job_->action = run.action;
  job_->payload = std::move(facts.payload);
  job_->target = std::move(facts.target);
  job_->document = std::move(run.document);
  job_->attempt = run.attempt;
  job_->resumed = run.resumed;
  job_->checkpoint = std::move(run.checkpoint);
  job_->sink = &sink;
  job_->stop = &stop;
  job_->answers = &answers;
}

JobContext::~JobContext() = default;

ResultMessage JobContext::run(const je_action& action) {
  static const je_host host = make_host();
  ResultMessage result;
  result.return_code = action.run(action.state, &host, job_.get());
  result.outcome = job_->outcome;
  result.message = job_->outcome_message;
  result.retry_delay_ms = job_->retry_delay_ms;
  return result;
}

}  // namespace jobengine::executor
