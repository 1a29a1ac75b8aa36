// Everything a request target is read as: path and route, query string or form, search parameters.
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/search_parameters.hpp"
#include "api/http/form.hpp"
#include "api/http/router.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;

namespace {

std::string encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', digits[byte >> 4U], digits[byte & 15U]};
  }
  return result;
}

void check_path(std::string_view path) {
  for (const char* method : {"GET", "PUT", "PATCH", "OPTIONS", "BREW"}) {
    const auto route = http::route(method, path);
    for (const auto& part : {route.collection, route.uuid, route.operation}) {
      fuzz::must_hold(http::is_utf8(part), "a route is UTF-8", path);
    }
  }
}

void check_parameters(std::string_view query) {
  http::Parameters parameters;
  const bool read = parameters.append(query);
  fuzz::must_hold(read || parameters.list().empty(), "malformed parameters leave nothing", query);
  std::string again;
  for (const auto& [name, value] : parameters.list()) {
    fuzz::must_hold(http::is_utf8(name) && http::is_utf8(value), "parameters are UTF-8", query);
    again += (again.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
  }
  http::Parameters back;
  fuzz::must_hold(back.append(again), "what is encoded can be read", again);
  fuzz::must_hold(!read || back.list() == parameters.list() || again == "=", "parameters come back",
                  query);
  try {
    const auto search = cimi::read_search(parameters);
    fuzz::must_hold(search.limit >= 0 && search.limit <= cimi::most_rows, "a page is bounded",
                    query);
    fuzz::must_hold(search.offset >= 0 && search.offset <= cimi::most_rows,
                    "a page begins within bounds", query);
  } catch (const cimi::CimiError& error) {
    fuzz::must_hold(error.status == 400, "a bad parameter is a bad request", query);
  } catch (const filter::FilterError& error) {
    fuzz::must_hold(http::is_utf8(error.what()), "an error is UTF-8", query);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mark = text.find('?');
  check_path(text.substr(0, mark));
  if (mark != std::string_view::npos) check_parameters(text.substr(mark + 1));
  return 0;
}
