#include "api/listener_options.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "common/configuration/options.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api {
namespace {

using configuration::OptionDeclaration;
using configuration::OptionKind;
using configuration::Settings;
using configuration::UsageError;

// What the process has open beside its clients: database, logs, ZooKeeper, the status server's
// connections.
constexpr std::size_t other_descriptors = 100;
constexpr std::size_t most_connections = 20000;

OptionDeclaration option(const char* name, OptionKind kind, const char* default_text,
                         const char* placeholder, const char* help) {
  OptionDeclaration declaration;
  declaration.name = name;
  declaration.kind = kind;
  declaration.default_text = default_text;
  declaration.placeholder = placeholder;
  declaration.help = help;
  return declaration;
}

OptionDeclaration bounded(OptionDeclaration declaration, std::int64_t least, std::int64_t most) {
  declaration.least = least;
  declaration.most = most;
  return declaration;
}

int thread_count(const Settings& settings) {
  const auto wanted = settings.integer("threads");
  if (wanted > 0) return static_cast<int>(wanted);
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, std::min(4, cores));
}

// Nothing else in this process minds descriptors beyond 1024 (select is not used).
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return soft;
  return limit.rlim_cur;
}

std::size_t connection_limit(const Settings& settings) {
  const auto descriptors = raise_descriptor_limit();
  const auto possible =
      descriptors > 2 * other_descriptors ? descriptors - other_descriptors : descriptors / 2;
  const auto wanted = static_cast<std::size_t>(settings.integer("max-connections"));
  if (wanted == 0) return std::min(possible, most_connections);
  if (wanted > possible) {
    telemetry::warning("--max-connections is more than the limit of open files allows",
                       {{"wanted", wanted}, {"possible", possible}});
  }
  return std::min(possible, wanted);
}

void read_tls(const Settings& settings, http::ListenerOptions& options) {
  options.certificate_file = settings.text("tls-cert");
  options.key_file = settings.text("tls-key");
  if (options.certificate_file.empty() == options.key_file.empty()) return;
  throw UsageError(options.key_file.empty()
                       ? "--tls-cert needs --tls-key FILE with the certificate's private key"
                       : "--tls-key needs --tls-cert FILE with the key's certificate");
}

}  // namespace

program::OptionList listener_option_list() {
  return {
      option("listen", OptionKind::Text, "127.0.0.1:8200", "HOST:PORT",
             "address to serve; port 0: a free one, printed"),
      option("tls-cert", OptionKind::Text, "", "FILE",
             "serve HTTPS with this certificate (PEM, its chain behind it); read again when it "
             "is replaced"),
      option("tls-key", OptionKind::Text, "", "FILE",
             "the certificate's private key (PEM, no passphrase)"),
      bounded(option("threads", OptionKind::Integer, "0", "N",
                     "threads that serve requests (default: one a core, at most 4)"),
              0, 64),
      bounded(option("body-limit", OptionKind::Integer, "1048576", "BYTES",
                     "largest request body accepted"),
              1024, 1073741824),
      bounded(option("bulk-body-limit", OptionKind::Integer, "8388608", "BYTES",
                     "largest array of jobs accepted by one POST to /api/job"),
              1024, 1073741824),
      bounded(option("compress-above", OptionKind::Integer, "1024", "BYTES",
                     "answers longer than this are packed for clients that accept gzip; 0: never"),
              0, 1073741824),
      bounded(option("max-connections", OptionKind::Integer, "0", "N",
                     "most connections at a time (default: 20000, or what the limit of open files "
                     "allows)"),
              0, 1000000),
  };
}

http::ListenerOptions listener_options(const Settings& settings) {
  const auto place = configuration::parse_host_and_port(settings.text("listen"), "--listen");
  http::ListenerOptions options;
  options.address = program::ip_address(place.host, "--listen");
  options.port = place.port;
  options.threads = thread_count(settings);
  options.body_limit = static_cast<std::size_t>(settings.integer("body-limit"));
  options.bulk_path = "/api/job";
  options.bulk_body_limit = static_cast<std::size_t>(settings.integer("bulk-body-limit"));
  const auto largest_body = std::max(options.body_limit, options.bulk_body_limit);
  options.memory_limit = std::max(options.memory_limit, 4 * largest_body);
  options.compress_above = static_cast<std::size_t>(settings.integer("compress-above"));
  read_tls(settings, options);
  options.connection_limit = connection_limit(settings);
  return options;
}

}  // namespace jobengine::api
