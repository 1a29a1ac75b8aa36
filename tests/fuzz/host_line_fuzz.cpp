// What an action host, or an executable action's program, writes on its pipe: any bytes. What is
// understood is understood the same way after it was written again; the rest is refused in words.
#include <exception>
#include <string>
#include <string_view>

#include "common/runtime/failure.hpp"
#include "executor/action_host/program_protocol.hpp"
#include "executor/hosts/host_message.hpp"
#include "executor/plugins/manifest.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::executor;

namespace {

void check_refusal(const std::exception& refusal) {
  fuzz::must_hold(*refusal.what() != '\0', "a refusal says something");
}

void check_host_line(std::string_view line) {
  try {
    const FromHost message = decode_from_host(line);
    const std::string written = encode(message);
    fuzz::must_hold(written.ends_with('\n') && written.find('\n') == written.size() - 1,
                    "a message is one line", written);
    const FromHost again =
        decode_from_host(std::string_view(written).substr(0, written.size() - 1));
    fuzz::must_hold(encode(again) == written, "a message comes back as it was", written);
  } catch (const runtime::Failure& refusal) {
    check_refusal(refusal);
  }
}

void check_program_line(std::string_view line) {
  try {
    const ProgramLine understood = decode_program_line(line);
    if (const auto* call = std::get_if<ProgramApiCall>(&understood)) {
      const std::string answer = api_answer_line(call->id, 200, call->body);
      fuzz::must_hold(answer.find('\n') == answer.size() - 1, "an answer is one line", answer);
    }
  } catch (const runtime::Failure& refusal) {
    check_refusal(refusal);
  }
}

void check_manifest(std::string_view text) {
  try {
    const Manifest manifest = parse_manifest(text);
    const auto written = to_json(manifest);
    fuzz::must_hold(to_json(manifest_of(written)) == written, "a manifest comes back as it was",
                    written.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } catch (const runtime::Failure& refusal) {
    check_refusal(refusal);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_host_line(text);
  check_program_line(text);
  check_manifest(text);
  return 0;
}
