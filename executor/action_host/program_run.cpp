#include "executor/action_host/program_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using runtime::Failure;

constexpr auto exit_grace = std::chrono::seconds(5);  // from its result to its end
constexpr std::size_t most_open_calls = 64;           // then its stdout is not read for a while
constexpr std::size_t most_threads = 8;
constexpr std::size_t most_unsent = 2 * longest_line;

je_string borrowed(const std::string& text) {
  return {text.data(), text.size()};
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Failure(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  return ends;
}

void never_wait(const Descriptor& end) {
  ::fcntl(end.number(), F_SETFL, ::fcntl(end.number(), F_GETFL) | O_NONBLOCK);
}

// What the end of the program alone says about the run.
std::int32_t judge_end(const je_host& host, je_job* job, const runtime::ExitStatus& end,
                       bool said_status) {
  if (end.signal_number != 0) {
    host.set_outcome(job, outcome_broken, borrowed("The program was " + end.text()));
    return 1;
  }
  const bool silent_failure = end.code != 0 && !said_status;
  const std::string message = silent_failure ? "The program " + end.text() : std::string();
  host.set_outcome(job, JE_OUTCOME_RETURN_CODE, borrowed(message));
  return end.code;
}

// Readable by name for all the program starts, and gone with this process, however that ends.
Descriptor payload_file(const std::string& payload) {
  Descriptor file(::memfd_create("payload", MFD_CLOEXEC));
  bool written = file.open();
  for (std::size_t done = 0; written && done < payload.size();) {
    const ssize_t size = ::write(file.number(), payload.data() + done, payload.size() - done);
    written = size > 0;
    if (written) done += static_cast<std::size_t>(size);
  }
  if (!written || ::lseek(file.number(), 0, SEEK_SET) != 0) {
    throw Failure(std::string("cannot write the payload's file: ") + std::strerror(errno));
  }
  return file;
}

}  // namespace

ProgramRun::ProgramRun(const je_host& host, je_job* job)
    : host_(host), job_(job), calls_(answers_, most_threads), checkpoints_(answers_, 1) {}

std::int32_t ProgramRun::run(ProgramStart start, const ProgramJob& job) {
  const auto input = make_pipe();
  Descriptor program_reads(input[0]);
  to_program_ = Descriptor(input[1]);
  const auto output = make_pipe();
  from_program_ = Descriptor(output[0]);
  Descriptor program_writes(output[1]);
  never_wait(to_program_);
  never_wait(from_program_);
  start.standard_input = program_reads.number();
  start.standard_output = program_writes.number();
  ProgramProcess program(start);
  program_reads.close();
  program_writes.close();
  unsent_ = job_line(job);
  while (!ended_) exchange(program);
  const runtime::ExitStatus end = program.finish();
  close_input();
  // Whoever still holds its stdout is gone then, so that reading comes to an end.
  kill_offspring();
  read_rest(end.signal_number == 0);
  return judge(end);
}

// ---- talking

// Waits until there is something to do, and does it.
void ProgramRun::exchange(ProgramProcess& program) {
  const bool listen =
      calls_.open() + checkpoints_.open() < most_open_calls && unsent_.size() - sent_ < most_unsent;
  const short writable = unsent_.size() > sent_ ? POLLOUT : 0;
  // A negative descriptor is left out by poll().
  std::array<pollfd, 5> polled{{{program.ended_descriptor(), POLLIN, 0},
                                {listen ? from_program_.number() : -1, POLLIN, 0},
                                {to_program_.number(), writable, 0},
                                {answers_.descriptor(), POLLIN, 0},
                                {stop_told_ ? -1 : host_.stop_descriptor(job_), POLLIN, 0}}};
  if (::poll(polled.data(), polled.size(), milliseconds_left()) < 0) {
    if (errno == EINTR) return;
    throw Failure(std::string("cannot wait for the program: ") + std::strerror(errno));
  }
  if (polled[1].revents != 0) read_some();
  if (polled[3].revents != 0) {
    for (const std::string& line : answers_.take()) tell(line);
  }
  if (polled[4].revents != 0) {
    stop_told_ = true;
    tell(stop_line());
  }
  if (polled[2].revents != 0) write_some();
  ended_ = polled[0].revents != 0;
  const bool overdue = result_ && Clock::now() >= kill_at_;
  if ((overdue || !complaint_.empty()) && !std::exchange(killed_, true)) {
    if (overdue) note("the program did not end within 5 s of its result and was killed");
    program.kill();
  }
}

int ProgramRun::milliseconds_left() const {
  if (killed_ || kill_at_ == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(kill_at_ - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

void ProgramRun::note(const std::string& text) {
  host_.log(job_, JE_LOG_WARNING, borrowed(text));
}

void ProgramRun::tell(const std::string& line) {
  if (to_program_.open()) unsent_ += line;
}

void ProgramRun::close_input() {
  to_program_.close();
  unsent_.clear();
  sent_ = 0;
}

void ProgramRun::write_some() {
  const ssize_t size =
      ::write(to_program_.number(), unsent_.data() + sent_, unsent_.size() - sent_);
  if (size < 0) {
    // It has closed its stdin, which is its right.
    if (errno != EAGAIN && errno != EINTR) close_input();
    return;
  }
  if (size == 0) return close_input();  // polled for errors only, and there was one
  sent_ += static_cast<std::size_t>(size);
  if (sent_ == unsent_.size()) {
    unsent_.clear();
    sent_ = 0;
  }
}

void ProgramRun::read_some() {
  std::array<char, 64UL * 1024> bytes;
  const ssize_t size = ::read(from_program_.number(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return from_program_.close();
  try {
    lines_.append(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    while (auto line = lines_.next()) accept(*line);
  } catch (const Failure& failure) {
    break_off(std::string("it wrote ") + failure.what());
  }
}

// What is in the pipe after its end. The newline of the last line may be missing, unless the
// program was cut off.
void ProgramRun::read_rest(bool ended_by_itself) {
  std::size_t reads = 0;
  while (from_program_.open() && complaint_.empty()) {
    pollfd readable{from_program_.number(), POLLIN, 0};
    if (::poll(&readable, 1, 0) <= 0) break;
    read_some();
    constexpr std::size_t more_than_a_pipe = 1024;  // reads; somebody beyond our reach goes on
    if (++reads > more_than_a_pipe) break;
  }
  if (!ended_by_itself || !complaint_.empty()) return;
  lines_.append("\n");
  while (auto line = lines_.next()) {
    if (!line->empty()) accept(*line);
  }
}

// ---- what the program says

void ProgramRun::accept(const std::string& line) {
  if (result_ || !complaint_.empty()) return;
  try {
    perform(decode_program_line(line));
  } catch (const Failure& failure) {
    break_off(failure.what());
  }
}

void ProgramRun::perform(ProgramLine line) {
  if (auto* progress = std::get_if<ProgramProgress>(&line)) {
    host_.set_progress(job_, progress->percent);
  } else if (auto* status = std::get_if<ProgramStatus>(&line)) {
    said_status_ = true;
    host_.set_status(job_, borrowed(status->text));
  } else if (auto* resource = std::get_if<ProgramResource>(&line)) {
    host_.add_affected_resource(job_, borrowed(resource->href));
  } else if (auto* log = std::get_if<ProgramLog>(&line)) {
    host_.log(job_, log->level, borrowed(log->text));
  } else if (auto* checkpoint = std::get_if<ProgramCheckpoint>(&line)) {
    keep_checkpoint(std::move(*checkpoint));
  } else if (auto* call = std::get_if<ProgramApiCall>(&line)) {
    call_api(std::move(*call));
  } else if (auto* result = std::get_if<ProgramResult>(&line)) {
    result_ = std::move(*result);
    // The end of its input: nothing more will come.
    close_input();
    kill_at_ = Clock::now() + exit_grace;
  }
}

void ProgramRun::keep_checkpoint(ProgramCheckpoint checkpoint) {
  checkpoints_.put([this, kept = std::move(checkpoint)] {
    je_string why{};
    const bool refused = host_.save_checkpoint(job_, borrowed(kept.value), &why) != 0;
    const std::string reason =
        why.size == 0 ? "no reason is known" : std::string(why.data, why.size);
    return checkpoint_kept_line(kept.id, refused ? reason : std::string());
  });
}

void ProgramRun::call_api(ProgramApiCall call) {
  if (call.body.size() > longest_call_body) {
    const std::string complaint = "not sent: the body has " + std::to_string(call.body.size()) +
                                  " bytes; at most " + std::to_string(longest_call_body) +
                                  " are possible";
    tell(api_answer_line(call.id, 0, complaint));
    return;
  }
  calls_.put([this, asked = std::move(call)] {
    je_api_request request{};
    request.struct_size = sizeof request;
    request.method = borrowed(asked.method);
    request.path = borrowed(asked.path);
    request.content_type = borrowed(asked.content_type);
    request.body = borrowed(asked.body);
    request.headers = borrowed(asked.headers);
    request.as_identity = borrowed(asked.as_identity);
    struct Answer {
      const nlohmann::json& id;
      std::string line;
    } answer{asked.id, {}};
    const auto note_answer = [](void* context, std::int32_t status, je_string body) {
      auto& noted = *static_cast<Answer*>(context);
      const std::string_view text(body.data == nullptr ? "" : body.data, body.size);
      noted.line = api_answer_line(noted.id, status, text);
    };
    host_.api_request(job_, &request, note_answer, &answer);
    return std::move(answer.line);
  });
}

void ProgramRun::break_off(const std::string& complaint) {
  complaint_ = complaint;
  close_input();
}

// ---- the end

std::int32_t ProgramRun::judge(const runtime::ExitStatus& end) {
  if (!complaint_.empty()) {
    const std::string message = "The program broke its protocol: " + complaint_;
    host_.set_outcome(job_, outcome_broken, borrowed(message));
    return 1;
  }
  if (!result_) return judge_end(host_, job_, end, said_status_);
  host_.set_retry_delay(job_, result_->retry_delay_ms);
  host_.set_outcome(job_, result_->outcome, borrowed(result_->message));
  return result_->return_code;
}

std::int32_t run_plain_program(const je_host& host, je_job* job, ProgramStart start,
                               const std::string& payload) {
  const Descriptor file = payload_file(payload);
  start.environment.push_back("JOB_PAYLOAD_FILE=/proc/" + std::to_string(::getpid()) + "/fd/" +
                              std::to_string(file.number()));
  start.standard_input = file.number();
  start.standard_output = STDOUT_FILENO;
  ProgramProcess program(start);
  bool stop_told = false;
  for (;;) {
    std::array<pollfd, 2> polled{{{program.ended_descriptor(), POLLIN, 0},
                                  {stop_told ? -1 : host.stop_descriptor(job), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw Failure(std::string("cannot wait for the program: ") + std::strerror(errno));
    }
    if (polled[0].revents != 0) break;
    // A program that hears no lines hears signals.
    if (polled[1].revents != 0 && !std::exchange(stop_told, true)) program.terminate();
  }
  const runtime::ExitStatus end = program.finish();
  kill_offspring();
  return judge_end(host, job, end, false);
}

}  // namespace jobengine::executor
