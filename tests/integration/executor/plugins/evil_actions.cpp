// Actions that do what no action should, written against the bare C boundary. Each is named after
// what it does; what they need to know is in the payload.
#include <fcntl.h>
#include <jobengine/plugin_abi.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

je_string text(const std::string& content) {
  return {content.data(), content.size()};
}

std::string payload(const je_host* host, je_job* job) {
  const je_string content = host->job_payload(job);
  return {content.data, content.size};
}

void write_all(int descriptor, const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t size = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (size <= 0) return;
    done += static_cast<std::size_t>(size);
  }
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

// ---- crashes and ends

std::int32_t read_nothing(void*, const je_host*, je_job*) {
  std::puts("about to touch what is not there");
  void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return *static_cast<volatile int*>(page);
}

std::int32_t abort_it(void*, const je_host*, je_job*) {
  std::abort();
}

std::int32_t exit_quietly(void*, const je_host*, je_job*) {
  std::exit(0);
}

std::int32_t exit_at_once(void*, const je_host*, je_job*) {
  ::_exit(3);
}

std::int32_t become_another_program(void*, const je_host*, je_job*) {
  ::execl("/bin/sleep", "sleep", "1000", nullptr);
  return 1;
}

std::int32_t kill_itself(void*, const je_host*, je_job*) {
  return std::raise(SIGKILL);
}

std::int32_t stop_itself(void*, const je_host*, je_job*) {
  return std::raise(SIGSTOP);
}

std::int32_t throw_through(void*, const je_host*, je_job*) {
  throw std::runtime_error("through the border");
}

std::int32_t throw_in_thread(void*, const je_host*, je_job*) {
  std::thread([] { throw std::runtime_error("in a thread"); }).join();
  return 0;
}

volatile bool without_end = true;

std::int32_t use_up_stack(void* state, const je_host* host, je_job* job) {
  std::array<volatile char, 1024> frame;
  frame[0] = 1;
  const std::int32_t below = without_end ? use_up_stack(state, host, job) : 0;
  return below + frame[0];
}

// ---- does not end

std::int32_t loop(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("looping"));
  static std::atomic<std::uint64_t> count;
  for (;;) ++count;
}

std::int32_t be_deaf(void*, const je_host*, je_job*) {
  std::signal(SIGTERM, SIG_IGN);
  wait_for_ever();
}

// ---- takes too much

std::int32_t leak_descriptors(void*, const je_host*, je_job*) {
  for (int count = 0; count < 200; ++count) {
    if (::open("/dev/null", O_RDONLY) < 0) return 1;
  }
  return 0;
}

std::int32_t leak_threads(void*, const je_host*, je_job*) {
  for (int count = 0; count < 3; ++count) std::thread(wait_for_ever).detach();
  return 0;
}

// A child that forks for as long as it may; so do its children.
std::int32_t fork_bomb(void*, const je_host* host, je_job* job) {
  if (::fork() == 0) {
    ::setsid();
    for (;;) {
      if (::fork() < 0) ::poll(nullptr, 0, 10);
    }
  }
  host->wait_for_stop(job, 300);
  return 0;
}

std::int32_t print_much(void*, const je_host* host, je_job* job) {
  const long megabytes = std::strtol(payload(host, job).c_str(), nullptr, 10);
  std::string lines;
  while (lines.size() < 1UL << 20) lines += std::string(4095, 'x') + "\n";
  for (long count = 0; count < megabytes; ++count) write_all(1, lines);
  return 0;
}

// ---- meddles with its host

std::int32_t close_everything(void*, const je_host*, je_job*) {
  ::syscall(SYS_close_range, 0U, ~0U, 0U);
  return 0;
}

std::int32_t close_everything_and_wait(void*, const je_host*, je_job*) {
  ::syscall(SYS_close_range, 0U, ~0U, 0U);
  wait_for_ever();
}

std::int32_t write_garbage(void*, const je_host*, je_job*) {
  write_all(3, "\x01\xff garbage\n");
  wait_for_ever();
}

std::int32_t write_half_line(void*, const je_host*, je_job*) {
  write_all(3, "{\"type\": \"resu");
  return 0;
}

std::int32_t write_huge_line(void*, const je_host*, je_job*) {
  const std::string piece(1UL << 20, 'x');
  for (int count = 0; count < 64; ++count) write_all(3, piece);
  wait_for_ever();
}

std::int32_t remove_its_folder(void*, const je_host*, je_job*) {
  std::string name = "/tmp/evil-action-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr || ::chdir(name.c_str()) < 0) return 1;
  ::umask(0777);
  return ::rmdir(name.c_str());
}

// ---- leaves processes behind

// The number of the daemon: forked twice, in a session of its own, deaf to SIGTERM.
pid_t start_daemon() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) < 0) return -1;
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      std::signal(SIGTERM, SIG_IGN);
      const pid_t self = ::getpid();
      [[maybe_unused]] auto written = ::write(ends[1], &self, sizeof self);
      wait_for_ever();
    }
    ::_exit(0);
  }
  pid_t daemon = -1;
  [[maybe_unused]] auto size = ::read(ends[0], &daemon, sizeof daemon);
  ::close(ends[0]);
  ::close(ends[1]);
  return daemon;
}

std::int32_t leave_daemon(void*, const je_host* host, je_job* job) {
  host->set_status(job, text(std::to_string(start_daemon())));
  return 0;
}

std::int32_t leave_daemon_and_die(void*, const je_host*, je_job*) {
  start_daemon();
  return std::raise(SIGKILL);
}

// ---- attacks the executor

std::int32_t attack_executor(void*, const je_host* host, je_job* job) {
  const pid_t executor = ::getppid();
  std::string result;
  const auto note = [&](const char* what, long outcome) {
    result += std::string(what) + (outcome < 0 && errno == EPERM ? " refused; " : " SUCCEEDED; ");
  };
  note("trace", ::ptrace(PTRACE_ATTACH, executor, nullptr, nullptr));
  note("stop", ::kill(executor, SIGSTOP));
  note("terminate", ::kill(executor, SIGTERM));
  note("kill", ::kill(executor, SIGKILL));
  host->set_status(job, text(result));
  return 0;
}

std::string content(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Whether the payload, a secret of the executor, is to be found where an action can look; and which
// descriptors there are.
std::int32_t look_for_secrets(void*, const je_host* host, je_job* job) {
  std::string secret = payload(host, job);
  std::erase(secret, '"');
  std::string result;
  for (const std::string whose : {"self", "parent"}) {
    const std::string folder =
        "/proc/" + (whose == "self" ? whose : std::to_string(::getppid())) + "/";
    for (const std::string file : {"environ", "cmdline"}) {
      if (content(folder + file).find(secret) == std::string::npos) continue;
      result += "found in " + whose + "'s " + file + "; ";
    }
  }
  for (int number = 0; number < 1024; ++number) {
    std::array<char, 200> target{};
    const std::string link = "/proc/self/fd/" + std::to_string(number);
    if (::readlink(link.c_str(), target.data(), target.size() - 1) < 0) continue;
    const std::string kind(target.data(), std::strcspn(target.data(), "["));
    result += std::to_string(number) + " " + kind + " ";
  }
  host->set_status(job, text(result));
  return 0;
}

// Where a run finds itself: as whom, where, with what leave to gain rights.
std::int32_t tell_surroundings(void*, const je_host* host, je_job* job) {
  std::array<char, 1024> folder{};
  const char* where = ::getcwd(folder.data(), folder.size());
  const mode_t mask = ::umask(022);
  const std::string status = content("/proc/self/status");
  const std::size_t privileges = status.find("NoNewPrivs:");
  host->set_status(
      job,
      text("user " + std::to_string(::getuid()) + "/" + std::to_string(::geteuid()) + " group " +
           std::to_string(::getgid()) + " groups " + std::to_string(::getgroups(0, nullptr)) +
           " mask " + std::to_string(mask) + " NoNewPrivs " + status.substr(privileges + 12, 1) +
           " in " + (where == nullptr ? "nowhere" : where)));
  return 0;
}

struct Entry {
  const char* manifest;
  std::int32_t (*run)(void*, const je_host*, je_job*);
};
constexpr std::array entries = {
    Entry{R"({"name": "evil_read_nothing"})", read_nothing},
    Entry{R"({"name": "evil_abort"})", abort_it},
    Entry{R"({"name": "evil_exit"})", exit_quietly},
    Entry{R"({"name": "evil_exit_at_once"})", exit_at_once},
    Entry{R"({"name": "evil_become_another_program"})", become_another_program},
    Entry{R"({"name": "evil_kill_itself"})", kill_itself},
    Entry{R"({"name": "evil_stop_itself"})", stop_itself},
    Entry{R"({"name": "evil_throw_through"})", throw_through},
    Entry{R"({"name": "evil_throw_in_thread"})", throw_in_thread},
    Entry{R"({"name": "evil_use_up_stack"})", use_up_stack},
    Entry{R"({"name": "evil_loop"})", loop},
    Entry{R"({"name": "evil_be_deaf"})", be_deaf},
    Entry{R"({"name": "evil_leak_descriptors"})", leak_descriptors},
    Entry{R"({"name": "evil_leak_threads"})", leak_threads},
    Entry{R"({"name": "evil_fork_bomb"})", fork_bomb},
    Entry{R"({"name": "evil_print_much"})", print_much},
    Entry{R"({"name": "evil_close_everything"})", close_everything},
    Entry{R"({"name": "evil_close_everything_and_wait"})", close_everything_and_wait},
    Entry{R"({"name": "evil_write_garbage"})", write_garbage},
    Entry{R"({"name": "evil_write_half_line"})", write_half_line},
    Entry{R"({"name": "evil_write_huge_line"})", write_huge_line},
    Entry{R"({"name": "evil_remove_its_folder"})", remove_its_folder},
    Entry{R"({"name": "evil_leave_daemon"})", leave_daemon},
    Entry{R"({"name": "evil_leave_daemon_and_die"})", leave_daemon_and_die},
    Entry{R"({"name": "evil_attack_executor"})", attack_executor},
    Entry{R"({"name": "evil_look_for_secrets"})", look_for_secrets},
    Entry{R"({"name": "evil_tell_surroundings"})", tell_surroundings},
};

std::uint32_t action_count() {
  return entries.size();
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->struct_size = sizeof *out;
  out->manifest = {entries.at(index).manifest, std::strlen(entries.at(index).manifest)};
  out->state = nullptr;
  out->run = entries.at(index).run;
  out->destroy = nullptr;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
