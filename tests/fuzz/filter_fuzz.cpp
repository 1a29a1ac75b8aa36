// The filter language: any text is parsed or refused in words, and what is parsed selects the same
// documents in memory and as SQL. The documents are made of the filter's own paths and values, so
// that it has something to find.
#include <memory>
#include <random>

#include "api/filter/evaluate.hpp"
#include "api/filter/filter.hpp"
#include "api/filter/to_sql.hpp"
#include "api/http/form.hpp"
#include "api/store/migrations.hpp"
#include "api/store/plain_columns.hpp"
#include "api/store/resource_writer.hpp"
#include "api/store/sqlite_connection.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;
using filter::Node;
using nlohmann::json;

namespace {

constexpr filter::Millis now = 1'706'745'600'123;
constexpr int documents_each = 5;

// What a filter speaks of.
struct Subject {
  std::vector<std::vector<std::string>> paths;
  std::vector<std::string> values = {"", "x", "2024-01-31T12:00:00.000Z", "7", "true"};
};

void add_scalar(const filter::Scalar& scalar, std::vector<std::string>& values) {
  if (const auto* text = std::get_if<std::string>(&scalar)) values.push_back(*text);
  if (const auto* date = std::get_if<filter::Date>(&scalar)) values.push_back(date->text);
  if (const auto* number = std::get_if<std::int64_t>(&scalar)) {
    values.push_back(std::to_string(*number));
  }
}

void gather(const Node& node, Subject& subject) {
  for (const auto& part : node.parts) gather(part, subject);
  if (node.kind != Node::Kind::Comparison) return;
  subject.paths.push_back(node.comparison.path);
  if (const auto* one = std::get_if<filter::Scalar>(&node.comparison.operand)) {
    add_scalar(*one, subject.values);
  } else {
    for (const auto& scalar : std::get<std::vector<filter::Scalar>>(node.comparison.operand)) {
      add_scalar(scalar, subject.values);
    }
  }
}

class DocumentMaker {
 public:
  DocumentMaker(const Subject& subject, std::size_t seed)
      : subject_(subject), random_(static_cast<std::mt19937::result_type>(seed)) {}

  json document(int number, const std::string& collection) {
    json made = json::object();
    for (const auto& path : subject_.paths) {
      if (below(4) != 0) put(made, path, 0);
    }
    made["id"] = collection + "/" + std::to_string(number);
    made["acl"] = {{"owners", {"user/a"}}};
    for (const char* name : {"created", "updated"}) {
      if (made.contains(name) && !filter::date_value(made[name])) made.erase(name);
    }
    if (collection == "job") keep_to_schema(made);
    return made;
  }

 private:
  void put(json& map, const std::vector<std::string>& path, std::size_t level) {
    auto& place = map[path[level]];
    if (level + 1 == path.size()) {
      place = value(2);
      return;
    }
    if (place.is_object()) return put(place, path, level + 1);
    json inner = json::object();
    put(inner, path, level + 1);
    if (below(3) == 0) {
      place = json::array({inner, value(1)});
    } else {
      place = std::move(inner);
    }
  }

  json value(int depth) {
    const auto text = subject_.values[below(subject_.values.size())];
    switch (below(depth > 0 ? 12 : 9)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return first_half(text);
      case 3:
        return text + "x";
      case 4: {
        const auto number = json::parse(text, nullptr, false);
        return number.is_number() ? number : json(static_cast<int>(below(10)));
      }
      case 5:
        return static_cast<double>(below(40)) / 4;
      case 9:
        return json::object({{"href", value(depth - 1)}, {"b", value(depth - 1)}});
      case 10:
      case 11:
        return json::array({value(depth - 1), value(depth - 1)});
      default:
        return text;
    }
  }

  // No character is cut.
  static std::string first_half(const std::string& text) {
    std::size_t end = text.size() / 2;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
  }

  // Columns hold what schemas let through: created and updated of all, these of jobs.
  static void keep_to_schema(json& job) {
    for (const char* name : {"state", "action", "parent-job", "execution-mode", "name"}) {
      if (job.contains(name) && !job[name].is_string()) job.erase(name);
    }
    if (job.contains("priority")) job["priority"] = static_cast<int>(job["priority"].size());
    const auto target = job.find("target-resource");
    if (target != job.end() &&
        !(target->is_object() && target->contains("href") && (*target)["href"].is_string())) {
      job.erase(target);
    }
  }

  std::size_t below(std::size_t end) { return random_() % end; }

  const Subject& subject_;
  std::mt19937 random_;
};

// In memory; emptied for each filter.
class Table {
 public:
  Table() : connection_(":memory:", store::Connection::Access::ReadAndWrite) {
    store::migrate(connection_, "memory");
    writer_ = std::make_unique<store::ResourceWriter>(connection_);
  }

  void fill(const std::vector<json>& documents) {
    // Tags stand in rows of their own, which the writer takes out with their document.
    connection_.run("DELETE FROM resource");
    connection_.run("DELETE FROM tag");
    writer_->begin();
    for (const auto& document : documents) {
      store::Decision put;
      put.kind = store::Decision::Kind::Put;
      put.document = document;
      store::Change change;
      change.id = document["id"];
      change.decide = [&put](const store::StoredDocument*) { return put; };
      writer_->apply(change);
    }
    writer_->commit();
  }

  bool selects(const std::string& id, const std::string& condition,
               const std::vector<filter::SqlValue>& values) {
    store::Statement statement(
        connection_, "SELECT id FROM resource WHERE id = '" + id + "' AND (" + condition + ")");
    statement.bind_all(values);
    return statement.step();
  }

 private:
  store::Connection connection_;
  std::unique_ptr<store::ResourceWriter> writer_;
};

void compare(const Node& node, const std::string& text, const std::string& collection) {
  static Table table;
  Subject subject;
  gather(node, subject);
  DocumentMaker maker(subject, std::hash<std::string>{}(text));
  std::vector<json> documents;
  for (int i = 0; i < documents_each; ++i) documents.push_back(maker.document(i, collection));
  const auto& mapping = store::mapping_of(collection);
  std::vector<filter::SqlValue> values;
  const auto condition = filter::to_sql(node, mapping, now, values);
  table.fill(documents);
  for (const auto& document : documents) {
    const bool in_memory = filter::matches(node, document, mapping.types, now);
    bool in_sql = false;
    try {
      in_sql = table.selects(document["id"], condition, values);
    } catch (const store::SqliteError& error) {
      if (error.cause() == store::SqliteError::Cause::TooComplex) return;
      fuzz::broken("SQLite takes the SQL of a filter", text + "\n" + error.what());
    }
    fuzz::must_hold(in_memory == in_sql, "SQL and memory select the same",
                    text + "\n" + document.dump() + "\n" + condition);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Node node;
  try {
    node = filter::parse(text);
  } catch (const filter::FilterError& error) {
    const std::string_view what(error.what());
    fuzz::must_hold(!what.empty() && what.size() <= 2 * size + 2000, "a refusal is bounded", what);
    fuzz::must_hold(!http::is_utf8(text) || http::is_utf8(what), "a refusal is UTF-8", what);
    return 0;
  }
  // Requests are UTF-8: the reader of parameters sees to it.
  if (!http::is_utf8(text)) return 0;
  try {
    compare(node, text, "job");
    compare(node, text, "thing");
  } catch (const filter::FilterError& error) {
    fuzz::must_hold(http::is_utf8(error.what()), "a refusal is UTF-8", error.what());
  }
  return 0;
}
