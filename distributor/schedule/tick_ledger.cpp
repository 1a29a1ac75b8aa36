#include "distributor/schedule/tick_ledger.hpp"

#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::distributor {

namespace {

constexpr const char* folder = "/distributor/ticks";

[[noreturn]] void refuse(const char* what, const std::string& path, zookeeper::ZnodeError error) {
  throw runtime::Failure(std::string("cannot ") + what + " the last tick at " + path + ": " +
                         std::string(zookeeper::text(error)));
}

}  // namespace

std::string encode(const LedgerEntry& entry) {
  nlohmann::json document{{"last", text(entry.last)}};
  if (entry.open) document["open"] = true;
  return document.dump();
}

std::optional<LedgerEntry> decode(std::string_view data, std::int32_t version) {
  const auto document = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("last") || !document["last"].is_string()) {
    return std::nullopt;
  }
  const auto last = parse_instant(document["last"].get<std::string>());
  if (!last) return std::nullopt;
  const auto open = document.find("open");
  LedgerEntry entry;
  entry.last = *last;
  entry.open = open != document.end() && open->is_boolean() && open->get<bool>();
  entry.version = version;
  return entry;
}

TickLedger::TickLedger(zookeeper::Session& session, std::string distribution)
    : session_(session), path_(std::string(folder) + "/" + distribution) {}

awaitable<std::optional<LedgerEntry>> TickLedger::read() {
  garbage_version_.reset();
  const zookeeper::DataReply reply = co_await session_.get(path_);
  if (reply.error == zookeeper::ZnodeError::NoNode) co_return std::nullopt;
  if (reply.error != zookeeper::ZnodeError::Ok) refuse("read", path_, reply.error);
  const auto entry = decode(reply.data, reply.stat.version);
  if (!entry) {
    telemetry::warning("the last tick is unreadable and counts as never", {{"path", path_}});
    garbage_version_ = reply.stat.version;
  }
  co_return entry;
}

awaitable<std::optional<LedgerEntry>> TickLedger::write(std::optional<LedgerEntry> seen,
                                                        Instant last, bool open) {
  LedgerEntry entry;
  entry.last = last;
  entry.open = open;
  const std::string data = encode(entry);
  zookeeper::ZnodeError error = zookeeper::ZnodeError::Ok;
  if (seen || garbage_version_) {
    const std::int32_t version = seen ? seen->version : *garbage_version_;
    const zookeeper::StatReply reply = co_await session_.set(path_, data, version);
    error = reply.error;
    entry.version = reply.stat.version;
  } else {
    co_await zookeeper::ensure_path(session_, folder);
    const zookeeper::CreateReply reply =
        co_await session_.create(path_, data, zookeeper::CreateMode::Persistent);
    error = reply.error;
  }
  if (error == zookeeper::ZnodeError::Ok) {
    garbage_version_.reset();
    co_return entry;
  }
  const bool overtaken = error == zookeeper::ZnodeError::BadVersion ||
                         error == zookeeper::ZnodeError::NodeExists ||
                         error == zookeeper::ZnodeError::NoNode;
  if (!overtaken && !zookeeper::outcome_unknown(error)) refuse("keep", path_, error);
  co_return std::nullopt;
}

}  // namespace jobengine::distributor
