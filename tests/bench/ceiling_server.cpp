#include "tests/bench/ceiling_server.hpp"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "common/runtime/asio.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::bench {
namespace {

namespace wire = boost::beast::http;
using asio::ip::tcp;
using nlohmann::json;
using Request = wire::request<wire::string_body>;
using Answer = wire::response<wire::string_body>;

class Database {
 public:
  explicit Database(const std::string& file) {
    if (sqlite3_open(file.c_str(), &handle_) != SQLITE_OK) throw runtime::Failure("no database");
    sqlite3_busy_timeout(handle_, 5000);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
    run("CREATE TABLE IF NOT EXISTS doc(row INTEGER PRIMARY KEY, id TEXT UNIQUE, document TEXT, "
        "state TEXT, action TEXT, created TEXT)");
    run("CREATE INDEX IF NOT EXISTS by_state ON doc(state, created); "
        "CREATE INDEX IF NOT EXISTS by_action ON doc(action, state)");
    get_ = prepared("SELECT document FROM doc WHERE id = ?1");
    put_ = prepared(
        "INSERT INTO doc(id, document, state, action, created) VALUES(?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT(id) DO UPDATE SET document = ?2, state = ?3, action = ?4, created = ?5");
  }
  // Lives as long as its process.
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql) { sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); }

  std::string get(const std::string& id) {
    bind(get_, 1, id);
    std::string document;
    if (sqlite3_step(get_) == SQLITE_ROW) {
      document.assign(reinterpret_cast<const char*>(sqlite3_column_text(get_, 0)),
                      static_cast<std::size_t>(sqlite3_column_bytes(get_, 0)));
    }
    sqlite3_reset(get_);
    return document;
  }

  void put(const json& document) {
    const auto text = document.dump();
    bind(put_, 1, document["id"].get_ref<const std::string&>());
    bind(put_, 2, text);
    bind(put_, 3, document["state"].get_ref<const std::string&>());
    bind(put_, 4, document["action"].get_ref<const std::string&>());
    bind(put_, 5, document["created"].get_ref<const std::string&>());
    sqlite3_step(put_);
    sqlite3_reset(put_);
  }

 private:
  sqlite3_stmt* prepared(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) != SQLITE_OK) {
      throw runtime::Failure(sqlite3_errmsg(handle_));
    }
    return statement;
  }
  static void bind(sqlite3_stmt* statement, int place, const std::string& text) {
    sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  }

  sqlite3* handle_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
};

// All that has gathered goes into one transaction.
class Writing {
 public:
  struct Edit {
    std::string id;
    json changes;
    std::function<void(std::string)> done;  // with the document
  };

  explicit Writing(const std::string& file) : database_(file), thread_([this] { work(); }) {}

  void add(Edit edit) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(edit));
    if (queue_.size() == 1) more_.notify_one();
  }

 private:
  void work() {
    while (true) {
      std::deque<Edit> edits;
      {
        std::unique_lock lock(mutex_);
        more_.wait(lock, [this] { return !queue_.empty(); });
        edits.swap(queue_);
      }
      std::vector<std::string> answers;
      database_.run("BEGIN IMMEDIATE");
      for (auto& edit : edits) {
        auto document = json::parse(database_.get(edit.id));
        document.update(edit.changes);
        database_.put(document);
        answers.push_back(document.dump());
      }
      database_.run("COMMIT");
      for (std::size_t i = 0; i < edits.size(); ++i) edits[i].done(std::move(answers[i]));
    }
  }

  Database database_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Edit> queue_;
  std::thread thread_;
};

class Serving {
 public:
  explicit Serving(const std::string& file)
      : database_(file),
        writing_(file),
        acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void run() {
    asio::co_spawn(loop_, accept(), [](const std::exception_ptr&) {});
    loop_.run();
  }

 private:
  awaitable<void> accept() {
    while (true) {
      auto socket = co_await acceptor_.async_accept(use_awaitable);
      socket.set_option(tcp::no_delay(true));
      asio::co_spawn(loop_, serve(std::move(socket)), [](const std::exception_ptr&) {});
    }
  }

  awaitable<void> serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    while (true) {
      Request request;
      co_await wire::async_read(socket, buffer, request, use_awaitable);
      Answer answer(wire::status::ok, 11);
      answer.set(wire::field::content_type, "application/json");
      const auto target = request.target();
      std::string id(target.substr(5));
      if (request.method() == wire::verb::put) {
        auto changes = json::parse(request.body());
        answer.body() = co_await changed(std::move(id), std::move(changes));
      } else {
        answer.body() = database_.get(id);
      }
      answer.prepare_payload();
      co_await wire::async_write(socket, answer, use_awaitable);
    }
  }

  awaitable<std::string> changed(std::string id, json changes) {
    const auto executor = loop_.get_executor();
    return asio::async_initiate<decltype(use_awaitable), void(std::string)>(
        [this, executor](auto handler, std::string wanted, json edits) {
          auto kept = std::make_shared<decltype(handler)>(std::move(handler));
          writing_.add(
              {std::move(wanted), std::move(edits), [executor, kept](std::string document) {
                 asio::post(executor, [kept, document = std::move(document)]() mutable {
                   (*kept)(std::move(document));
                 });
               }});
        },
        use_awaitable, std::move(id), std::move(changes));
  }

  asio::io_context loop_{1};
  Database database_;
  Writing writing_;
  tcp::acceptor acceptor_;
};

[[noreturn]] void serve_as_child(const std::string& database, const std::vector<json>& documents,
                                 int port_to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    {
      Database filled(database);
      filled.run("BEGIN");
      for (const auto& document : documents) filled.put(document);
      filled.run("COMMIT");
    }
    Serving serving(database);
    const auto port = serving.port();
    if (::write(port_to, &port, sizeof port) == sizeof port) serving.run();
  } catch (const std::exception&) {
    // The parent sees the pipe's end.
  }
  ::_exit(1);
}

}  // namespace

CeilingServer::CeilingServer(const std::string& database, const std::vector<json>& documents) {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0) throw runtime::Failure("no pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(ends[0]);
    serve_as_child(database, documents, ends[1]);
  }
  ::close(ends[1]);
  const bool up = pid_ > 0 && ::read(ends[0], &port_, sizeof port_) == sizeof port_;
  ::close(ends[0]);
  if (!up) throw runtime::Failure("the ceiling server does not come up");
}

CeilingServer::~CeilingServer() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace jobengine::bench
