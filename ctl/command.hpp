// The commands of jobctl as values: what was asked for, checked as far as it can be without asking
// anybody.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace jobengine::ctl {

// Beyond program::exit_ok, exit_failure and exit_usage.
inline constexpr int exit_job_failed = 3;
inline constexpr int exit_job_canceled = 4;
inline constexpr int exit_interrupted = 130;

enum class Output { Table, Json };

struct SubmitCommand {
  std::string action;
  std::string target;   // href of the target resource; "": none
  std::string name;     // "": none
  std::string payload;  // JSON text; "": none
  std::optional<int> priority;
  std::string mode;  // push, pull, mixed; "": the API's default
  bool wait = false;
  std::optional<std::int64_t> count;  // so many equal jobs
  std::string from_file;              // the jobs of this file, "-": standard input; "": none
};

struct ListCommand {
  std::vector<std::string> states;  // upper case
  std::string action;
  std::string filter;  // CIMI, joined with the others by "and"
  int first = 1;
  int last = 20;  // 0: none, only their number
};

struct ShowCommand {
  std::string job;
};

struct LogsCommand {
  std::string job;
  bool follow = false;       // goes on until the job is final and its log quiet
  std::int64_t attempt = 0;  // 0: all
  std::string stream;        // stdout, stderr, log, engine; "": all
  int last = 0;              // so many of the newest lines; 0: all
  bool timestamps = false;   // time and stream before each line
};

struct CancelCommand {
  std::vector<std::string> jobs;
};

struct QueueCommand {
  int last = 20;  // how many entries of the head, and how many taken ones, are shown
  std::chrono::milliseconds timeout{10000};
};

struct RestoreCommand {
  bool dry_run = false;
  // So long an entry must have been missing of a job that is RUNNING or young.
  std::chrono::milliseconds grace{60000};
  std::size_t capacity = 10000;              // entries up to which the queue is filled
  std::chrono::milliseconds timeout{10000};  // for ZooKeeper's first answer
};

struct DevCommand {
  std::string directory;   // "": a fresh temporary one, removed at the end
  int api_port = 0;        // 0: a free one
  int zookeeper_port = 0;  // 0: a free one
  int executors = 1;
  int distributors = 1;
  int slots = 0;                     // 0: the executor's default
  std::vector<std::string> actions;  // folders of plugins besides the engine's own
  // Declarations of resource types, for job-api.
  std::vector<std::string> resources;
  std::vector<std::string> run;  // a command to run when everything is ready
  bool once = false;             // stop when `run` has ended
  std::chrono::milliseconds drain_timeout{10000};
};

struct DemoCommand {
  std::string directory;
  bool no_hints = false;
};

struct HealthCommand {
  std::string address = "127.0.0.1";
  int port = 0;
  bool ready = false;  // /readyz instead of /healthz
  std::chrono::milliseconds timeout{5000};
};

struct UserCommand {
  enum class What { Add, List, Suspend, Activate, Remove, Password };
  What what = What::List;
  std::vector<std::string> names;   // or ids; Add and Password: one name
  std::vector<std::string> groups;  // Add: "group/x"
  std::string password;             // Add, Password
};

struct GroupCommand {
  enum class What { Add, List, Remove, Join, Leave };
  What what = What::List;
  std::string group;               // "group/x"
  std::string description;         // Add; "": none
  std::vector<std::string> users;  // Join, Leave: names or ids
};

struct ApiKeyCommand {
  enum class What { Create, List, Remove };
  What what = What::List;
  std::string name;               // Create; "": none
  std::chrono::seconds ttl{0};    // Create; 0: for good
  std::vector<std::string> keys;  // Remove: "credential/…"
};

// Of an executor that runs, or of the files of a directory.
struct ActionsCommand {
  std::string host = "127.0.0.1";  // of an executor's status server
  int port = 0;
  std::string directory;  // not empty: instead of an executor
  std::string name;       // everything about this one; "": a list of all
  bool json = false;
};

struct RunCommand {
  std::string plugin;
  std::string action;      // "": the plugin's only one
  std::string payload;     // JSON text; "": none
  std::string target;      // href; "": none
  std::string checkpoint;  // JSON text; "": none
  std::string answers;     // JSON text of a list; "": none
  int attempt = 1;
  std::chrono::milliseconds timeout{0};  // 0: the manifest's
};

struct NewActionCommand {
  enum class Language { Cpp, Python, Shell };
  std::string name;
  std::string directory;
  Language language = Language::Cpp;
};

using Command =
    std::variant<SubmitCommand, ListCommand, ShowCommand, LogsCommand, CancelCommand, QueueCommand,
                 RestoreCommand, DevCommand, DemoCommand, HealthCommand, UserCommand, GroupCommand,
                 ApiKeyCommand, ActionsCommand, RunCommand, NewActionCommand>;

}  // namespace jobengine::ctl
