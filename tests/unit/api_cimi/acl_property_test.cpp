// What normalisation promises, on generated access control lists.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "api/access/acl.hpp"

namespace jobengine::api::access {
namespace {

using nlohmann::json;

const std::vector<std::pair<Right, std::string>> rights = {
    {Right::ViewMeta, "view-meta"}, {Right::ViewData, "view-data"}, {Right::ViewAcl, "view-acl"},
    {Right::EditMeta, "edit-meta"}, {Right::EditData, "edit-data"}, {Right::EditAcl, "edit-acl"},
    {Right::Manage, "manage"},      {Right::Delete, "delete"}};

// Every right that holding `right` gives, itself included: the closure, written down by hand.
std::set<std::string> given_by(const std::string& right) {
  static const std::map<std::string, std::set<std::string>> closure = {
      {"edit-acl",
       {"edit-acl", "edit-data", "edit-meta", "delete", "manage", "view-acl", "view-data",
        "view-meta"}},
      {"edit-data", {"edit-data", "edit-meta", "view-data", "view-meta"}},
      {"edit-meta", {"edit-meta", "view-meta"}},
      {"delete", {"delete", "view-meta"}},
      {"view-acl", {"view-acl", "view-data", "view-meta"}},
      {"view-data", {"view-data", "view-meta"}},
      {"view-meta", {"view-meta"}},
      {"manage", {"manage"}}};
  return closure.at(right);
}

const std::vector<std::string> principals = {"user/a", "user/b", "group/c", "group/nuvla-admin",
                                             "group/nuvla-user"};

class Generator {
 public:
  json acl() {
    json acl = {{"owners", some(1)}};
    for (const auto& [right, name] : rights) {
      if (chance(3)) acl[name] = some(0);
    }
    return acl;
  }

 private:
  json some(std::size_t least) {
    auto list = principals;
    std::shuffle(list.begin(), list.end(), random_);
    list.resize(std::max(least, std::uniform_int_distribution<std::size_t>(0, 3)(random_)));
    return list;
  }
  bool chance(unsigned one_in) {
    return std::uniform_int_distribution<unsigned>(1, one_in)(random_) == 1;
  }
  std::mt19937 random_{20240506};
};

bool lists(const json& acl, const std::string& key, const std::string& principal) {
  if (!acl.contains(key)) return false;
  const auto& list = acl.at(key);
  return std::find(list.begin(), list.end(), principal) != list.end();
}

void check_form(const json& normal, const json& owners) {
  CHECK(acl_error(normal).empty());
  CHECK(normalised_acl(normal) == normal);
  CHECK(std::set<std::string>(normal.at("owners")) == std::set<std::string>(owners));
  for (const auto& [key, list] : normal.items()) {
    CHECK_FALSE(list.empty());
    CHECK(std::is_sorted(list.begin(), list.end()));
    for (const auto& owner : owners) {
      if (key != "owners") CHECK_FALSE(lists(normal, key, owner));
    }
  }
  const bool admin_owns = lists(normal, "owners", std::string(admin_claim));
  CHECK(admin_owns != lists(normal, "edit-acl", std::string(admin_claim)));
}

TEST_CASE("acl: in normal form whatever it was, with the rights that were meant", "[api]") {
  Generator generator;
  for (int round = 0; round < 400; ++round) {
    const auto acl = generator.acl();
    const auto normal = normalised_acl(acl);
    CAPTURE(acl.dump(), normal.dump());
    check_form(normal, acl.at("owners"));
    for (const auto& principal : principals) {
      const auto who = make_identity(principal, "", {}, "");
      std::set<std::string> meant;
      for (const auto& [right, name] : rights) {
        if (lists(acl, name, principal)) meant.merge(given_by(name));
      }
      const bool everything = lists(acl, "owners", principal) || who.is_admin();
      for (const auto& [right, name] : rights) {
        CAPTURE(principal, name);
        CHECK(allows(normal, who, right) == (everything || meant.contains(name)));
      }
    }
  }
}

TEST_CASE("acl: what is shown and what may be changed follow from the rights alone", "[api]") {
  Generator generator;
  const json plain = {{"id", "job/1"}, {"name", "n"}, {"tags", {"t"}}, {"payload", "p"}};
  for (int round = 0; round < 200; ++round) {
    auto document = plain;
    document["acl"] = normalised_acl(generator.acl());
    for (const auto& principal : principals) {
      const auto who = make_identity(principal, "", {}, "");
      const auto may = [&](Right right) { return allows(document["acl"], who, right); };
      CAPTURE(document.dump(), principal);
      const auto seen = visible_part(document, who);
      CHECK(seen.is_null() != may(Right::ViewMeta));
      CHECK(seen.contains("name") == may(Right::ViewMeta));
      CHECK(seen.contains("payload") == may(Right::ViewData));
      CHECK(seen.contains("acl") == may(Right::ViewAcl));
      const auto changed = editable_part(document["acl"], document, who);
      CHECK(changed.contains("acl") == may(Right::EditAcl));
      CHECK(changed.contains("payload") == may(Right::EditData));
      if (may_edit(document["acl"], who)) CHECK(changed.contains("name"));
    }
  }
}

}  // namespace
}  // namespace jobengine::api::access
