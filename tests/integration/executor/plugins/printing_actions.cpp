// Actions that print: a little, in every way there is, without end, and past their own end.
#include <jobengine/plugin_abi.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

namespace {

je_string text(const char* content) {
  return {content, std::strlen(content)};
}

std::string payload_of(const je_host* host, je_job* job) {
  const je_string content = host->job_payload(job);
  return content.data == nullptr ? std::string() : std::string(content.data, content.size);
}

long number_in_payload(const je_host* host, je_job* job) {
  return std::strtol(payload_of(host, job).c_str(), nullptr, 10);
}

std::int32_t print(void*, const je_host* host, je_job* job) {
  std::puts("one on stdout");
  std::fputs("one on stderr\n", stderr);
  host->log(job, JE_LOG_WARNING, text("one by log"));
  std::cout << "without a newline";
  return 0;
}

// All of it still in buffers of this process when it returns.
std::int32_t print_buffered(void*, const je_host*, je_job*) {
  static std::array<char, 1UL << 20> buffer;
  std::setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
  for (int i = 0; i < 2000; ++i) std::printf("line %d\n", i);
  return 0;
}

// As many lines as its payload says, numbered, of 50 bytes.
std::int32_t print_lines(void*, const je_host* host, je_job* job) {
  const long lines = number_in_payload(host, job);
  for (long i = 0; i < lines; ++i) std::printf("%049ld\n", i);
  return 0;
}

// As many MB as its payload says.
std::int32_t flood(void*, const je_host* host, je_job* job) {
  std::string block;
  while (block.size() < 1'000'000) block += std::string(199, '.') + "\n";
  block.resize(1'000'000);
  for (long left = number_in_payload(host, job); left > 0; --left) {
    for (std::size_t done = 0; done < block.size();) {
      const ssize_t size = ::write(STDOUT_FILENO, &block[done], block.size() - done);
      if (size <= 0) return 1;
      done += static_cast<std::size_t>(size);
    }
  }
  std::puts("\nthe end of the flood");
  return 0;
}

// One line, no UTF-8, of as many bytes as its payload says.
std::int32_t print_long_line(void*, const je_host* host, je_job* job) {
  const std::string line(static_cast<std::size_t>(number_in_payload(host, job)), '\xE9');
  std::puts(line.c_str());
  return 0;
}

// What it has started prints on without end, and holds the pipes open.
std::int32_t leave_printer(void*, const je_host*, je_job*) {
  std::puts("before its end");
  std::fflush(stdout);
  if (::fork() == 0) {
    const std::string line = "from a stray\n";
    while (::write(STDOUT_FILENO, line.data(), line.size()) > 0) {
    }
    ::_exit(0);
  }
  return 0;
}

// The pipes of its host are closed when it returns.
std::int32_t close_output(void*, const je_host*, je_job*) {
  std::puts("its last words");
  std::fflush(stdout);
  ::close(STDOUT_FILENO);
  ::close(STDERR_FILENO);
  return 0;
}

std::int32_t print_and_obey(void*, const je_host* host, je_job* job) {
  std::puts("waiting for a stop");
  host->wait_for_stop(job, -1);
  std::puts("stopping");
  return 1;
}

std::int32_t print_and_hang(void*, const je_host*, je_job*) {
  std::signal(SIGTERM, SIG_IGN);
  std::puts("hanging");
  for (;;) ::pause();
}

struct Entry {
  const char* manifest;
  std::int32_t (*run)(void*, const je_host*, je_job*);
};
constexpr std::array entries = {
    Entry{R"({"name": "print"})", print},
    Entry{R"({"name": "print_buffered"})", print_buffered},
    Entry{R"({"name": "print_lines"})", print_lines},
    Entry{R"({"name": "print_flood"})", flood},
    Entry{R"({"name": "print_long_line"})", print_long_line},
    Entry{R"({"name": "print_leave_printer"})", leave_printer},
    Entry{R"({"name": "print_close_output"})", close_output},
    Entry{R"({"name": "print_and_obey", "pull-mode": true})", print_and_obey},
    Entry{R"({"name": "print_and_hang"})", print_and_hang},
};

std::uint32_t action_count() {
  return entries.size();
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->struct_size = sizeof *out;
  out->manifest = text(entries.at(index).manifest);
  out->state = nullptr;
  out->run = entries.at(index).run;
  out->destroy = nullptr;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
