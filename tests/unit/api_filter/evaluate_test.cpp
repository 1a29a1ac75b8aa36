#include "api/filter/evaluate.hpp"

#include <catch2/catch.hpp>

#include "api/filter/full_text.hpp"

using namespace jobengine::api::filter;
using nlohmann::json;

namespace {

const Millis now = *parse_timestamp("2024-03-31T12:00:00.000Z");

const json job = {
    {"id", "job/1"},
    {"state", "RUNNING"},
    {"action", "stop_deployment"},
    {"created", "2024-03-31T11:00:00.000Z"},
    {"expiry", "2024-04-01T02:00:00+02:00"},
    {"progress", 50},
    {"tags", {"red", "green"}},
    {"empty", json::array()},
    {"nothing", nullptr},
    {"module", {{"price", {{"cents", 5}}}, {"hollow", json::object()}}},
    {"target-resource", {{"href", "deployment/7"}}},
    {"affected-resources", {{{"href", "deployment/7"}}, {{"href", "module/2"}}}},
    {"ready", true},
    {"name", "Stop the red deployment"},
};

bool selects(const std::string& filter) {
  return matches(parse(filter), job, FieldTypes{}, now);
}

bool finds(const std::string& query, const std::string& text) {
  return FullTextQuery(query).matches({text});
}

}  // namespace

TEST_CASE("filter: equality, lists and their negation", "[filter]") {
  CHECK(selects("state='RUNNING'"));
  CHECK_FALSE(selects("state='running'"));
  CHECK(selects("state=['QUEUED','RUNNING']"));
  CHECK_FALSE(selects("state!=['QUEUED','RUNNING']"));
  CHECK_FALSE(selects("state=[]"));
  CHECK(selects("state!=[]"));
  CHECK(selects("missing!='x'"));
  CHECK(selects("missing!=['x']"));
  CHECK(selects("progress=50"));
  CHECK(selects("progress='50'"));
  CHECK(selects("ready=true"));
  CHECK_FALSE(selects("ready=false"));
  CHECK(selects("ready!=false"));
}

TEST_CASE("filter: arrays match by any element, arrays of maps are opened on the way", "[filter]") {
  CHECK(selects("tags='green'"));
  CHECK_FALSE(selects("tags!='green'"));
  CHECK(selects("tags^='gre'"));
  CHECK(selects("affected-resources/href='module/2'"));
  CHECK(selects("affected-resources/href='deployment/7' and target-resource/href='deployment/7'"));
  CHECK_FALSE(selects("affected-resources/href='module/3'"));
}

TEST_CASE("filter: null is a missing attribute, null, an empty array, an empty map", "[filter]") {
  for (const char* path : {"missing", "nothing", "empty", "module/hollow", "module/missing",
                           "state/below", "affected-resources/missing"}) {
    CAPTURE(path);
    CHECK(selects(std::string(path) + "=null"));
    CHECK_FALSE(selects(std::string(path) + "!=null"));
  }
  for (const char* path : {"state", "tags", "module", "module/price", "affected-resources/href"}) {
    CAPTURE(path);
    CHECK(selects(std::string(path) + "!=null"));
    CHECK(selects("null!=" + std::string(path)));
  }
}

TEST_CASE("filter: order of numbers, texts and dates; without the attribute never", "[filter]") {
  CHECK(selects("progress<51"));
  CHECK(selects("51>progress"));
  CHECK_FALSE(selects("progress<50"));
  CHECK(selects("progress<=50"));
  CHECK(selects("state>'QUEUED'"));
  CHECK_FALSE(selects("missing<5"));
  CHECK_FALSE(selects("missing>=5"));
  CHECK(selects("created>'now-2h' and created<'now-30m'"));
  CHECK(selects("created>='2024-03-31' and created<='2024-03-31'"));
  CHECK_FALSE(selects("created>'2024-03-31'"));
  CHECK_FALSE(selects("created<'2024-03-31'"));
  CHECK(selects("created='2024-03'"));
  CHECK(selects("created=2024-03-31T13:00:00+02:00"));
  CHECK(selects("expiry=2024-04-01T00:00:00Z"));
  CHECK_THROWS_AS(selects("created>'yesterday'"), FilterError);
}

TEST_CASE("filter: prefixes are literal, full text is not, geography is refused", "[filter]") {
  CHECK(selects("action^='stop_'"));
  CHECK_FALSE(selects("action^='stop%'"));
  CHECK_FALSE(selects("action^='Stop'"));
  CHECK(selects("action^=''"));
  CHECK(selects("name=='red'"));
  CHECK(selects("fulltext=='green + deploy*'"));
  CHECK_FALSE(selects("fulltext=='blue'"));
  CHECK_THROWS_WITH(selects("place within 'POINT(1 2)'"), Catch::Contains("not supported"));
}

TEST_CASE("full text: the simple query string", "[filter]") {
  CHECK(finds("blue red", "a red car"));
  CHECK_FALSE(finds("blue + red", "a red car"));
  CHECK(finds("car+red", "a red car"));
  CHECK(finds("blue | red", "a red car"));
  CHECK(finds("red + -blue", "a red car"));
  CHECK_FALSE(finds("red + -car", "a red car"));
  CHECK(finds("\"red car\"", "a Red Car"));
  CHECK_FALSE(finds("\"car red\"", "a red car"));
  CHECK_FALSE(finds("\"a car\"", "a red car"));
  CHECK(finds("\"a car\"~1", "a red car"));
  CHECK(finds("ca*", "a red car"));
  CHECK(finds("cat~1", "a red car"));
  CHECK_FALSE(finds("dog~1", "a red car"));
  CHECK(finds("(blue | red) + car", "a red car"));
  CHECK_FALSE(finds("(blue | red) + bike", "a red car"));
  CHECK_FALSE(finds("", "a red car"));
  CHECK_FALSE(finds("-- + | ~ \"", "a red car"));
  CHECK(finds("*", "a red car"));
  CHECK_NOTHROW(finds(std::string(100'000, '('), "a red car"));
  CHECK(finds("job/12", "job/12 job/13"));
}
