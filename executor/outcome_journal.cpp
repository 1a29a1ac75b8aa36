#include "executor/outcome_journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "common/job/job_state.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* suffix = ".json";

// Nothing when all went well, else what did not.
std::string write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(file, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::strerror(errno);
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return ::fsync(file) == 0 ? "" : std::strerror(errno);
}

void sync_directory(const std::string& directory) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open's signature
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

// The file is there whole or not at all.
std::string replace_file(const std::string& directory, const std::string& path,
                         const std::string& text) {
  const std::string draft = path + ".new";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open's signature
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return std::strerror(errno);
  std::string why = write_all(file, text);
  ::close(file);
  if (why.empty() && ::rename(draft.c_str(), path.c_str()) != 0) why = std::strerror(errno);
  if (!why.empty()) {
    ::unlink(draft.c_str());
    return why;
  }
  sync_directory(directory);
  return why;
}

std::string text_member(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_final_edit(const json& edit) {
  if (!edit.is_object()) return false;
  const auto state = job::parse_job_state(text_member(edit, "state"));
  return state && job::is_final(*state);
}

}  // namespace

std::string text_of(const KeptOutcome& outcome) {
  json document;
  document["entry"] = outcome.entry.text();
  document["job"] = outcome.job_id;
  document["attempt"] = outcome.attempt;
  document["ended"] = queue::rfc3339(outcome.ended);
  document["edit"] = outcome.edit;
  document["reason"] = outcome.reason;
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<KeptOutcome> parse_outcome(std::string_view text, std::string& complaint) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) {
    complaint = "it is no JSON object";
    return std::nullopt;
  }
  KeptOutcome outcome;
  const auto entry = queue::parse_entry_name(text_member(document, "entry"));
  const auto ended = queue::parse_rfc3339(text_member(document, "ended"));
  const auto attempt = document.find("attempt");
  const auto edit = document.find("edit");
  outcome.job_id = text_member(document, "job");
  outcome.reason = text_member(document, "reason");
  if (!entry) {
    complaint = "its \"entry\" is no name of a queue entry";
  } else if (outcome.job_id.empty()) {
    complaint = "its \"job\" is no text";
  } else if (attempt == document.end() || !attempt->is_number_integer()) {
    complaint = "its \"attempt\" is no number";
  } else if (!ended) {
    complaint = "its \"ended\" is no time like 2026-01-31T12:00:00.000Z";
  } else if (edit == document.end() || !is_final_edit(*edit)) {
    complaint = "its \"edit\" brings no job to a final state";
  }
  if (!complaint.empty()) return std::nullopt;
  outcome.entry = *entry;
  outcome.ended = *ended;
  outcome.attempt = attempt->get<std::int32_t>();
  outcome.edit = *edit;
  return outcome;
}

// One thread, so that what is asked for first is done first.
struct OutcomeJournal::Writer {
  explicit Writer(asio::io_context& owner) : loop(owner) {}

  asio::io_context& loop;
  asio::thread_pool thread{1};
};

OutcomeJournal::OutcomeJournal(asio::io_context& loop, std::string directory)
    : directory_(std::move(directory)), writer_(std::make_unique<Writer>(loop)) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) throw runtime::Failure("cannot make " + directory_ + ": " + error.message());
  read_all();
}

OutcomeJournal::~OutcomeJournal() {
  writer_->thread.join();
}

void OutcomeJournal::read_all() {
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == suffix) paths.push_back(it->path().string());
  }
  if (error) throw runtime::Failure("cannot read " + directory_ + ": " + error.message());
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    std::string complaint = file ? "" : "it cannot be read";
    auto outcome = complaint.empty() ? parse_outcome(text, complaint) : std::nullopt;
    if (outcome) {
      const queue::EntryName name = outcome->entry;
      outcomes_.insert_or_assign(name, std::move(*outcome));
      continue;
    }
    telemetry::warning("a file of the journal is no outcome and is put aside",
                       {{"file", path}, {"error", complaint}});
    fs::rename(path, path + ".unreadable", error);
  }
}

std::string OutcomeJournal::path_of(const queue::EntryName& entry) const {
  return directory_ + "/" + entry.text() + suffix;
}

awaitable<void> OutcomeJournal::keep(KeptOutcome outcome) {
  const queue::EntryName name = outcome.entry;
  std::string text = text_of(outcome);
  outcomes_.insert_or_assign(name, std::move(outcome));
  const auto written = std::make_shared<runtime::Event>();
  const auto why = std::make_shared<std::string>();
  // The loop must not run out of work before it is told.
  auto work = asio::make_work_guard(writer_->loop);
  asio::post(writer_->thread, [&loop = writer_->loop, directory = directory_, path = path_of(name),
                               text = std::move(text), why, written]() mutable {
    *why = replace_file(directory, path, text);
    asio::post(loop, [written] { written->raise(); });
  });
  co_await written->wait();
  if (!why->empty()) {
    telemetry::error("an outcome could not be written to the journal; a restart would lose it",
                     {{"file", path_of(name)}, {"error", *why}});
  }
}

void OutcomeJournal::forget(const queue::EntryName& entry) {
  if (outcomes_.erase(entry) == 0) return;
  asio::post(writer_->thread, [path = path_of(entry)] { ::unlink(path.c_str()); });
}

const KeptOutcome* OutcomeJournal::find(const queue::EntryName& entry,
                                        const std::string& job_id) const {
  const auto found = outcomes_.find(entry);
  const bool there = found != outcomes_.end() && found->second.job_id == job_id;
  return there ? &found->second : nullptr;
}

std::vector<queue::EntryName> OutcomeJournal::entries() const {
  std::vector<queue::EntryName> names;
  for (const auto& [name, outcome] : outcomes_) names.push_back(name);
  return names;
}

}  // namespace jobengine::executor
