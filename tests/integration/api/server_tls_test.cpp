// job-api serving HTTPS.
#include <catch2/catch.hpp>

#include "common/cimi/client.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/http_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {
namespace {

ApiServerOptions serving_https(const TemporaryDirectory& directory, const HttpServer::Tls& tls) {
  ApiServerOptions options;
  options.arguments = {"--tls-cert", directory.file("cert.pem", tls.certificate), "--tls-key",
                       directory.file("key.pem", tls.key)};
  return options;
}

TEST_CASE("job-api: our client works over HTTPS with a certificate of one's own", "[api]") {
  const TemporaryDirectory directory;
  const ApiServer server(serving_https(directory, self_signed_certificate()));
  REQUIRE(server.url().starts_with("https://127.0.0.1:"));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    const auto doubting = cimi::make_http_client(loop, options);
    const auto refused = co_await doubting->get("cloud-entry-point");
    CHECK(refused.kind == cimi::ReplyKind::Unreachable);
    options.insecure = true;
    const auto client = cimi::make_http_client(loop, options);
    nlohmann::json job;
    job["action"] = "dummy_test_action";
    const auto added = co_await client->add("job", job);
    INFO(added.message);
    REQUIRE(added.ok());
    const auto read = co_await client->get(added.location);
    CHECK(read.document["state"] == "QUEUED");
    const auto entry = co_await client->get("cloud-entry-point");
    CHECK(entry.document["base-uri"] == server.url() + "/api/");
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("job-api: a certificate that has expired is used, with a warning", "[api]") {
  const TemporaryDirectory directory;
  const ApiServer server(serving_https(directory, self_signed_certificate(-3600)));
  CHECK(server.log().find("the TLS certificate has expired") != std::string::npos);
}

}  // namespace
}  // namespace jobengine::tests
