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

std::string encode(Instant last, bool open) {
  nlohmann::json document;
  document["last"] = text(last);
  if (open) document["open"] = true;
  return document.dump();
}

LedgerEntry decode(std::string_view data, std::int32_t version) {
  LedgerEntry entry;
  entry.version = version;
  const auto document = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return entry;
  const auto last = document.find("last");
  if (last != document.end() && last->is_string()) {
    entry.last = parse_instant(last->get<std::string>());
  }
  const auto open = document.find("open");
  entry.open = entry.last && open != document.end() && open->is_boolean() && open->get<bool>();
  return entry;
}

TickLedger::TickLedger(zookeeper::Session& session, std::string distribution)
    : session_(session), path_(std::string(folder) + "/" + distribution) {}

awaitable<LedgerEntry> TickLedger::read() {
  const zookeeper::DataReply reply = co_await session_.get(path_);
  if (reply.error == zookeeper::ZnodeError::NoNode) co_return LedgerEntry();
  if (reply.error != zookeeper::ZnodeError::Ok) refuse("read", path_, reply.error);
  const LedgerEntry entry = decode(reply.data, reply.stat.version);
  if (!entry.last) {
    telemetry::warning("the last tick is unreadable and counts as never", {{"path", path_}});
  }
  co_return entry;
}

awaitable<std::optional<LedgerEntry>> TickLedger::write(LedgerEntry seen, Instant last, bool open) {
  LedgerEntry entry;
  entry.last = last;
  entry.open = open;
  const std::string data = encode(last, open);
  zookeeper::ZnodeError error = zookeeper::ZnodeError::Ok;
  if (seen.version) {
    const zookeeper::StatReply reply = co_await session_.set(path_, data, *seen.version);
    error = reply.error;
    entry.version = reply.stat.version;
  } else {
    co_await zookeeper::ensure_path(session_, folder);
    const zookeeper::CreateReply reply =
        co_await session_.create(path_, data, zookeeper::CreateMode::Persistent);
    error = reply.error;
    entry.version = 0;
  }
  if (error == zookeeper::ZnodeError::Ok) co_return entry;
  const bool overtaken = error == zookeeper::ZnodeError::BadVersion ||
                         error == zookeeper::ZnodeError::NodeExists ||
                         error == zookeeper::ZnodeError::NoNode;
  if (!overtaken && !zookeeper::outcome_unknown(error)) refuse("keep", path_, error);
  co_return std::nullopt;
}

}  // namespace jobengine::distributor
