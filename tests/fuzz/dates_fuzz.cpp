// Timestamps and date arithmetic: what is read is written back the same, and both readers of
// timestamps take the same texts.
#include "api/cimi/timestamp.hpp"
#include "api/filter/dates.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  constexpr filter::Millis now = 1'706'745'600'123;
  const auto in_filter = filter::parse_timestamp(text);
  const auto in_document = cimi::parse_timestamp(text);
  if (in_document) {
    const auto millis = in_document->time_since_epoch().count();
    fuzz::must_hold(in_filter == millis, "a document's timestamp is one in a filter", text);
    const auto again = cimi::parse_timestamp(cimi::timestamp(*in_document));
    if (millis >= 0 && again) {
      fuzz::must_hold(*again == *in_document, "a timestamp survives being written", text);
    }
  }
  if (in_filter) {
    const auto again = filter::parse_timestamp(filter::timestamp_text(*in_filter));
    fuzz::must_hold(!again || *again == *in_filter, "a date survives being written", text);
  }
  if (const auto span = filter::resolve_date(text, now)) {
    fuzz::must_hold(span->first <= span->last, "a span ends after it begins", text);
    filter::timestamp_text(span->first);
    filter::timestamp_text(span->last);
  }
  return 0;
}
