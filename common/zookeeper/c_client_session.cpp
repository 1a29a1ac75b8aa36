#include "common/zookeeper/c_client_session.hpp"

#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"
#include "common/zookeeper/c_client_errors.hpp"
#include "common/zookeeper/c_client_log.hpp"

namespace jobengine::zookeeper {

namespace {

Stat translate(const ::Stat& stat) {
  Stat ours;
  ours.created_zxid = stat.czxid;
  ours.modified_zxid = stat.mzxid;
  ours.created_ms = stat.ctime;
  ours.modified_ms = stat.mtime;
  ours.version = stat.version;
  ours.child_version = stat.cversion;
  ours.child_count = stat.numChildren;
  ours.ephemeral_owner = stat.ephemeralOwner;
  return ours;
}

int flags_of(CreateMode mode) {
  switch (mode) {
    case CreateMode::Persistent:
      return 0;
    case CreateMode::Ephemeral:
      return ZOO_EPHEMERAL;
    case CreateMode::PersistentSequential:
      return ZOO_SEQUENCE;
    case CreateMode::EphemeralSequential:
      return ZOO_EPHEMERAL | ZOO_SEQUENCE;
  }
  return 0;
}

int size_of(const std::string& data) {
  return static_cast<int>(data.size());  // well_formed() limits it
}

struct InFlight;

// What the library was given, on the loop. Kept by us, because it may forget a request without
// calling its completion (seen: close() while the server hangs).
struct InFlightTable : std::enable_shared_from_this<InFlightTable> {
  explicit InFlightTable(asio::io_context& owner) : loop(owner) {}
  void answer(std::uint64_t number, Reply reply);

  asio::io_context& loop;
  std::uint64_t last_number = 0;
  std::map<std::uint64_t, std::unique_ptr<InFlight>> sent;
};

struct Free {
  bool abandoned = false;
  void operator()(char* text) const {
    if (!abandoned) std::free(text);
  }
};

// What the library refers to while a request is out.
struct InFlight {
  InFlightTable& table;
  std::uint64_t number;
  std::shared_ptr<const Request> request;
  std::function<void(Reply)> answered;
  // Of a multi; the library writes into them.
  std::vector<std::unique_ptr<char, Free>> paths;
  std::vector<zoo_op_t> operations;
  std::vector<zoo_op_result_t> results;
  std::vector<std::string> created;
  std::vector<::Stat> stats;

  void abandon_paths() {
    for (auto& path : paths) path.get_deleter().abandoned = true;
  }

  static InFlight& of(const void* data) { return *static_cast<InFlight*>(const_cast<void*>(data)); }

  // [ZooKeeper's thread, or the loop when the library refused the request] Called once at most,
  // with the table alive; what `data` points to may be gone when it returns.
  static void complete(const void* data, Reply reply) {
    const InFlight& self = of(data);
    auto table = self.table.shared_from_this();
    asio::post(self.table.loop, [table, number = self.number, reply = std::move(reply)]() mutable {
      table->answer(number, std::move(reply));
    });
  }
};

void InFlightTable::answer(std::uint64_t number, Reply reply) {
  auto request = sent.extract(number);
  if (request) request.mapped()->answered(std::move(reply));
}

Reply reply_with(int code) {
  Reply reply;
  reply.error = error_of(code);
  reply.from_server = made_by_server(code);
  return reply;
}

// ---- completions, on ZooKeeper's thread: what they are given is freed when they return

void path_answered(int code, const char* path, const void* data) {
  Reply reply = reply_with(code);
  if (code == ZOK && path != nullptr) reply.text = path;
  InFlight::complete(data, std::move(reply));
}

void data_answered(int code, const char* bytes, int size, const ::Stat* stat, const void* data) {
  Reply reply = reply_with(code);
  if (code == ZOK) {
    if (bytes != nullptr && size > 0) reply.text.assign(bytes, static_cast<std::size_t>(size));
    reply.stat = translate(*stat);
  }
  InFlight::complete(data, std::move(reply));
}

void stat_answered(int code, const ::Stat* stat, const void* data) {
  Reply reply = reply_with(code);
  if (code == ZOK) reply.stat = translate(*stat);
  InFlight::complete(data, std::move(reply));
}

void children_answered(int code, const String_vector* names, const ::Stat* stat, const void* data) {
  Reply reply = reply_with(code);
  if (code == ZOK) {
    reply.names.assign(names->data, names->data + names->count);
    reply.stat = translate(*stat);
  }
  InFlight::complete(data, std::move(reply));
}

void nothing_answered(int code, const void* data) {
  InFlight::complete(data, reply_with(code));
}

void multi_answered(int code, const void* data) {
  Reply reply = reply_with(code);
  const InFlight& sent = InFlight::of(data);
  if (reply.from_server || reply.error == ZnodeError::RolledBack) {
    reply.results.resize(sent.results.size());
    for (std::size_t i = 0; i < sent.results.size(); ++i) {
      MultiReply::Result& result = reply.results[i];
      result.error = error_of(sent.results[i].err);
      if (code != ZOK) {
        if (result.error == ZnodeError::Ok) result.error = ZnodeError::RolledBack;
        if (result.error != ZnodeError::RolledBack) reply.error = result.error;
        continue;
      }
      result.path = sent.created[i].c_str();  // the buffer is larger than the name in it
      result.stat = translate(sent.stats[i]);
    }
  }
  InFlight::complete(data, std::move(reply));
}

void prepare_multi(InFlight& sent) {
  const auto& operations = sent.request->operations;
  sent.operations.resize(operations.size());
  sent.results.resize(operations.size());
  sent.created.resize(operations.size());
  sent.stats.resize(operations.size());
  constexpr std::size_t sequence_digits = 11;  // with a sign
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    zoo_op_t* op = &sent.operations[i];
    const char* path = sent.paths.emplace_back(::strdup(operation.path.c_str())).get();
    switch (operation.kind) {
      case Operation::Kind::Create:
        sent.created[i].resize(operation.path.size() + sequence_digits + 1);
        zoo_create_op_init(op, path, operation.data.data(), size_of(operation.data),
                           &ZOO_OPEN_ACL_UNSAFE, flags_of(operation.mode), sent.created[i].data(),
                           size_of(sent.created[i]));
        break;
      case Operation::Kind::Remove:
        zoo_delete_op_init(op, path, operation.version);
        break;
      case Operation::Kind::Set:
        zoo_set_op_init(op, path, operation.data.data(), size_of(operation.data), operation.version,
                        &sent.stats[i]);
        break;
      case Operation::Kind::Check:
        zoo_check_op_init(op, path, operation.version);
        break;
    }
  }
}

}  // namespace

struct CClientSession::State {
  asio::io_context& loop;
  Notices notices;
  std::shared_ptr<InFlightTable> in_flight;  // shared with answers on their way to the loop
  zhandle_t* handle = nullptr;
  std::thread closing;

  State(asio::io_context& owner, Notices told)
      : loop(owner), notices(std::move(told)), in_flight(std::make_shared<InFlightTable>(owner)) {}

  // [ZooKeeper's thread]
  static void session_changed(zhandle_t* handle, int type, int state, const char*, void* context) {
    if (type != ZOO_SESSION_EVENT) return;
    auto* self = static_cast<State*>(context);
    Change change = Change::Disconnected;
    if (state == ZOO_CONNECTED_STATE) change = Change::Connected;
    if (state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE) {
      change = Change::Expired;
    }
    const std::int64_t id = zoo_client_id(handle)->client_id;
    const std::chrono::milliseconds timeout(zoo_recv_timeout(handle));
    asio::post(self->loop,
               [told = self->notices.changed, change, id, timeout] { told(change, id, timeout); });
  }

  // [ZooKeeper's thread] Session events come here too, any number of times; they are no answer to a
  // watch.
  static void node_changed(zhandle_t* handle, int type, int, const char*, void* context) {
    if (type == ZOO_SESSION_EVENT) return;
    const auto id = static_cast<WatchId>(reinterpret_cast<std::uintptr_t>(context));
    auto* self = static_cast<State*>(const_cast<void*>(zoo_get_context(handle)));
    asio::post(self->loop, [told = self->notices.watch_fired, id] { told(id); });
  }

  // A multi that meets an expired handle is refused at its first operation, and then the library
  // (3.8.0) frees the paths of further ones as if they were its own. So it gets copies, which in
  // that case nobody touches any more: which of them are freed is not known.
  int start_multi(InFlight& sent) const {
    if (is_unrecoverable(handle) != ZOK) return ZINVALIDSTATE;
    const int code = zoo_amulti(handle, static_cast<int>(sent.operations.size()),
                                sent.operations.data(), sent.results.data(), multi_answered, &sent);
    if (code != ZOK) sent.abandon_paths();
    return code;
  }

  int start(const Request& request, InFlight* sent) const {
    const char* path = request.path.c_str();
    watcher_fn watcher = request.watch == no_watch ? nullptr : &State::node_changed;
    auto* context = reinterpret_cast<void*>(static_cast<std::uintptr_t>(request.watch));
    switch (request.kind) {
      case Request::Kind::Create:
        return zoo_acreate(handle, path, request.data.data(), size_of(request.data),
                           &ZOO_OPEN_ACL_UNSAFE, flags_of(request.mode), path_answered, sent);
      case Request::Kind::Get:
        return zoo_awget(handle, path, watcher, context, data_answered, sent);
      case Request::Kind::Set:
        return zoo_aset(handle, path, request.data.data(), size_of(request.data), request.version,
                        stat_answered, sent);
      case Request::Kind::Exists:
        return zoo_awexists(handle, path, watcher, context, stat_answered, sent);
      case Request::Kind::Children:
        return zoo_awget_children2(handle, path, watcher, context, children_answered, sent);
      case Request::Kind::Remove:
        return zoo_adelete(handle, path, request.version, nothing_answered, sent);
      case Request::Kind::Multi:
        prepare_multi(*sent);
        return start_multi(*sent);
      case Request::Kind::Sync:
        return zoo_async(handle, path, path_answered, sent);
    }
    return ZBADARGUMENTS;
  }
};

CClientSession::CClientSession(asio::io_context& loop, const std::string& addresses,
                               std::chrono::milliseconds timeout, Notices notices,
                               const SessionCredentials& existing)
    : state_(std::make_shared<State>(loop, std::move(notices))) {
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  clientid_t id = {};
  id.client_id = existing.id;
  std::memcpy(id.passwd, existing.password.data(),
              std::min(existing.password.size(), sizeof id.passwd));
  state_->handle =
      zookeeper_init2(addresses.c_str(), &State::session_changed, static_cast<int>(timeout.count()),
                      existing.id == 0 ? nullptr : &id, state_.get(), 0, write_client_log);
  if (state_->handle == nullptr) {
    throw runtime::Failure("cannot start a ZooKeeper session with " + addresses + ": " +
                           std::strerror(errno));
  }
  // By itself the library resolves what it was given with every event of its connection.
  // set_addresses() is how it learns of other ones.
  constexpr int never = -1;
  zoo_set_servers_resolution_delay(state_->handle, never);
}

CClientSession::~CClientSession() {
  if (state_->closing.joinable()) state_->closing.join();
  if (state_->handle != nullptr) zookeeper_close(state_->handle);
}

void CClientSession::send(std::shared_ptr<const Request> request,
                          std::function<void(Reply)> answered) {
  InFlightTable& table = *state_->in_flight;
  const std::uint64_t number = ++table.last_number;
  const Request& what = *request;  // lives until the answer, which comes through the loop
  auto made = std::make_unique<InFlight>(
      InFlight{table, number, std::move(request), std::move(answered), {}, {}, {}, {}, {}});
  InFlight* sent = made.get();
  table.sent.emplace(number, std::move(made));
  const int code =
      state_->handle == nullptr ? static_cast<int>(ZCLOSING) : state_->start(what, sent);
  // Refused: the completion is never called by the library then.
  if (code != ZOK) InFlight::complete(sent, reply_with(code));
}

void CClientSession::set_addresses(const std::string& addresses) {
  if (state_->handle != nullptr) zoo_set_servers(state_->handle, addresses.c_str());
}

SessionCredentials CClientSession::credentials() const {
  SessionCredentials credentials;
  if (state_->handle == nullptr) return credentials;
  const clientid_t* id = zoo_client_id(state_->handle);
  credentials.id = id->client_id;
  credentials.password.assign(id->passwd, sizeof id->passwd);
  return credentials;
}

awaitable<void> CClientSession::close() {
  auto state = state_;
  if (state->handle == nullptr) co_return;
  zhandle_t* handle = std::exchange(state->handle, nullptr);
  auto closed = std::make_shared<runtime::Event>();
  auto work = asio::make_work_guard(state->loop);
  state->closing = std::thread([state = state.get(), handle, closed] {
    zookeeper_close(handle);
    asio::post(state->loop, [closed] { closed->raise(); });
  });
  co_await closed->wait();
  state->closing.join();
  // Its answers came before; what is left was forgotten.
  while (!state->in_flight->sent.empty()) {
    state->in_flight->answer(state->in_flight->sent.begin()->first, reply_with(ZCLOSING));
  }
}

}  // namespace jobengine::zookeeper
