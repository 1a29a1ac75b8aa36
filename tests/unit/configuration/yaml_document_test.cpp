#include "common/configuration/yaml_document.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace jobengine::configuration;
using Catch::Contains;

namespace {

YamlNode parse(const std::string& text) {
  return parse_yaml(text, "x.yaml");
}

template <class Use>
std::string complaint(const Use& use) {
  try {
    use();
    return {};
  } catch (const YamlError& failure) {
    return failure.what();
  }
}

}  // namespace

TEST_CASE("yaml: values are read with their place and path", "[yaml]") {
  const YamlNode document = parse("a: 1\nb:\n  c: [x, 'true', yes]\n  d: ~\n");
  REQUIRE(document.is_map());
  REQUIRE(document.path().empty());
  REQUIRE(document.at("a").integer() == 1);
  const YamlNode list = document.at("b").at("c");
  REQUIRE(list.is_list());
  REQUIRE(list.items().at(0).text() == "x");
  REQUIRE(list.items().at(1).path() == "b.c[1]");
  REQUIRE(list.items().at(2).boolean());
  REQUIRE(list.where() == "x.yaml:3");
  REQUIRE(document.at("b").at("d").is_null());
  REQUIRE(document.has("a"));
  REQUIRE_FALSE(document.has("z"));
}

TEST_CASE("yaml: the entries of a map come in the file's order", "[yaml]") {
  std::string order;
  for (const auto& [key, value] : parse("z: 1\na: 2\nm: 3\n").entries()) order += key;
  REQUIRE(order == "zam");
}

TEST_CASE("yaml: a value of the wrong kind is named with file, line and path", "[yaml]") {
  const YamlNode document = parse("a: x\nb: { c: [1] }\n");
  REQUIRE(complaint([&] { document.at("a").integer(); }) ==
          "x.yaml:1: a: \"x\" where a whole number was expected");
  REQUIRE(complaint([&] { document.at("a").boolean(); }) ==
          "x.yaml:1: a: \"x\" where true or false was expected");
  REQUIRE(complaint([&] { document.at("b").at("c").text(); }) ==
          "x.yaml:2: b.c: a list where a text was expected");
  REQUIRE(complaint([&] { document.at("a").entries(); }) ==
          "x.yaml:1: a: \"x\" where a map was expected");
  REQUIRE(complaint([&] { document.at("b").items(); }) ==
          "x.yaml:2: b: a map where a list was expected");
  REQUIRE(complaint([&] { document.at("b").at("nope"); }) ==
          "x.yaml:2: b: the key \"nope\" is missing");
  REQUIRE(complaint([&] { document.at("a").refuse("too x"); }) == "x.yaml:1: a: too x");
}

TEST_CASE("yaml: unknown keys are named with the nearest known one", "[yaml]") {
  const YamlNode document = parse("job:\n  every: 1h\n  jiter: 2s\n");
  REQUIRE(complaint([&] { document.at("job").expect_keys({"every", "jitter", "cron"}); }) ==
          "x.yaml:3: job: unknown key \"jiter\"; did you mean \"jitter\"?");
  REQUIRE(complaint([&] { document.at("job").expect_keys({"every", "on"}); }) ==
          "x.yaml:3: job: unknown key \"jiter\"; expected one of: every on");
  REQUIRE(complaint([&] { document.at("job").expect_keys({"every", "jiter"}); }).empty());
}

TEST_CASE("yaml: one key twice in a map is refused, at any depth", "[yaml]") {
  REQUIRE(complaint([] { parse("a: 1\nb: 2\na: 3\n"); }) ==
          "x.yaml:3: the key \"a\" stands here twice");
  REQUIRE(complaint([] { parse("m:\n  - a: 1\n    a: 2\n"); }) ==
          "x.yaml:3: m[0]: the key \"a\" stands here twice");
}

TEST_CASE("yaml: what is no YAML is named with its line", "[yaml]") {
  REQUIRE_THAT(complaint([] { parse("a: 1\nb: [1, 2\nc: 3\n"); }),
               Contains("x.yaml:") && Contains("not valid YAML"));
  REQUIRE_THAT(complaint([] { parse("\ta: 1"); }), Contains("not valid YAML"));
  REQUIRE_THAT(complaint([] { parse("a: 1\n---\nb: 2\n"); }), Contains("more than one document"));
}

TEST_CASE("yaml: aliases that multiply or circle are refused", "[yaml]") {
  REQUIRE_THAT(complaint([] { parse("a: &a [*a]"); }), Contains("x.yaml"));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  REQUIRE_THAT(complaint([&] { parse(bomb); }), Contains("too many values"));
}

TEST_CASE("yaml: as JSON plain scalars get their kind and quoted ones stay texts", "[yaml]") {
  const auto document = parse(
      "i: 12\nn: -3\nf: 1.5\ne: 1e3\nt: true\nu: ~\nq: '12'\ns: 1.2.3\ny: yes\nl: [1, a]\nm: {k: "
      "v}\nv: 007x\n");
  REQUIRE(document.json() == nlohmann::json{{"i", 12},
                                            {"n", -3},
                                            {"f", 1.5},
                                            {"e", 1000.0},
                                            {"t", true},
                                            {"u", nullptr},
                                            {"q", "12"},
                                            {"s", "1.2.3"},
                                            {"y", "yes"},
                                            {"l", {1, "a"}},
                                            {"m", {{"k", "v"}}},
                                            {"v", "007x"}});
}
