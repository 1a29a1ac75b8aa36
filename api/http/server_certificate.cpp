#include "api/http/server_certificate.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "api/http/tls_transport.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::http {
namespace {

constexpr auto look_interval = std::chrono::seconds(2);

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

// What tells one version of a file from another.
struct Version {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec changed{};
  bool operator==(const Version& other) const {
    return device == other.device && inode == other.inode && size == other.size &&
           changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
  }
};

Version version_of(const std::string& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size, found.st_mtim};
}

void expect_readable(const std::string& option, const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw runtime::Failure("cannot read the file of " + option + ", " + file + ": " +
                           std::strerror(errno));
  }
  ::close(descriptor);
}

std::string openssl_reason() {
  const auto code = ERR_peek_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

// Nobody is there to be asked for a passphrase.
int no_passphrase(char* /*room*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

void use_certificate(SSL_CTX* context, const std::string& file) {
  expect_readable("--tls-cert", file);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) == 1) return;
  throw runtime::Failure("--tls-cert: " + file + " holds no certificate in PEM form (" +
                         openssl_reason() + ")");
}

void use_key(SSL_CTX* context, const std::string& file, const std::string& certificate_file) {
  expect_readable("--tls-key", file);
  ERR_clear_error();
  const bool used = SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (used && SSL_CTX_check_private_key(context) == 1) return;
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (used || reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH) {
    throw runtime::Failure("--tls-key: " + file + " is not the key of the certificate in " +
                           certificate_file);
  }
  throw runtime::Failure("--tls-key: " + file +
                         " holds no private key in PEM form without a passphrase (" +
                         openssl_reason() + ")");
}

void warn_if_not_valid_now(const SSL_CTX* context, const std::string& file) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    telemetry::warning("the TLS certificate has expired", {{"file", file}});
  } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    telemetry::warning("the TLS certificate is not valid yet", {{"file", file}});
  }
}

Context load(const std::string& certificate_file, const std::string& key_file) {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw runtime::Failure("TLS cannot be set up: " + openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  // What was sent in part is offered again from wherever it lies then; idle connections keep no
  // buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets, which the clients keep.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  use_certificate(context.get(), certificate_file);
  use_key(context.get(), key_file, certificate_file);
  warn_if_not_valid_now(context.get(), certificate_file);
  return context;
}

}  // namespace

struct ServerCertificate::State {
  const std::string certificate_file;
  const std::string key_file;

  // Under `mutex`: several lanes accept connections. Held while the files are read, which is once
  // in a long time.
  std::mutex mutex;
  std::array<Version, 2> versions;
  runtime::TimePoint next_look;
  Context context;

  State(std::string certificate, std::string key)
      : certificate_file(std::move(certificate)), key_file(std::move(key)) {
    versions = current_versions();
    context = load(certificate_file, key_file);
    next_look = runtime::Clock::now() + look_interval;
  }

  std::array<Version, 2> current_versions() const {
    return {version_of(certificate_file), version_of(key_file)};
  }

  void look_again() {
    if (runtime::Clock::now() < next_look) return;
    next_look = runtime::Clock::now() + look_interval;
    const auto found = current_versions();
    if (found == versions) return;
    versions = found;
    try {
      context = load(certificate_file, key_file);
      telemetry::info("the TLS certificate was replaced", {{"file", certificate_file}});
    } catch (const std::exception& failure) {
      telemetry::error("the new TLS certificate cannot be used, the one before stays",
                       {{"error", failure.what()}});
    }
  }
};

ServerCertificate::ServerCertificate(std::string certificate_file, std::string key_file)
    : state_(std::make_unique<State>(std::move(certificate_file), std::move(key_file))) {}

ServerCertificate::~ServerCertificate() = default;

std::unique_ptr<Transport> ServerCertificate::secure(asio::ip::tcp::socket socket) {
  const std::lock_guard guard(state_->mutex);
  state_->look_again();
  return std::make_unique<TlsTransport>(std::move(socket), state_->context.get());
}

}  // namespace jobengine::api::http
