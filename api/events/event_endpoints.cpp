#include "api/events/event_endpoints.hpp"

#include <mutex>

#include "api/cimi/cimi_error.hpp"
#include "api/events/filter_stream.hpp"
#include "api/events/resource_stream.hpp"

namespace jobengine::api::events {
namespace {

using cimi::Call;
using cimi::CimiError;

constexpr std::size_t most_attributes = 100;

std::vector<std::string> attributes_of(const Call& call) {
  if (!call.url.has("select")) return usual_attributes();
  auto names = cimi::name_list(call.url, "select");
  if (names.size() > most_attributes) {
    throw cimi::bad_request("select: more than " + std::to_string(most_attributes) + " attributes");
  }
  return names;
}

bool flag(const Call& call, const char* name) {
  const auto values = call.url.all(name);
  if (values.empty() || values.back() == "false") return false;
  if (values.back() == "true") return true;
  throw cimi::bad_request(std::string(name) + ": '" + values.back() + "', expected true or false");
}

cimi::AnswerDescription stream_answer() {
  cimi::AnswerDescription stream;
  stream.text = "The stream.";
  stream.schema = {{"type", "string"}};
  stream.content_type = "text/event-stream";
  return stream;
}

cimi::OperationDescription resource_description() {
  cimi::OperationDescription get;
  get.name = "events";
  get.method = "get";
  get.text = "Streams what the resource is and each change of it, until it is over or gone.";
  get.who = "who may see the resource";
  const nlohmann::json text = {{"type", "string"}};
  get.parameters = {
      {"select", "The attributes that are told, separated by commas", text},
      {"Last-Event-ID", "The id of the last event that was received", text, "header"}};
  cimi::AnswerDescription over;
  over.status = 204;
  over.text = "Nothing will follow on the event of Last-Event-ID.";
  get.answers = {stream_answer(), std::move(over)};
  return get;
}

cimi::EndpointDescription description() {
  cimi::EndpointDescription events;
  events.name = "events";
  events.text =
      "Server-sent events: the resources of a collection that match a filter, as they change. "
      "Changes of one resource: /api/<collection>/<uuid>/events.";
  cimi::OperationDescription get;
  get.method = "get";
  get.text = "Streams events until the client goes or its session ends.";
  get.who = "who may query the collection; what is told is what one may see";
  const nlohmann::json text = {{"type", "string"}};
  const nlohmann::json yes_or_no = {{"type", "boolean"}};
  get.parameters = {
      {"collection", "Whose resources; default job", text},
      {"filter", "Which of them (CIMI); all when it is missing", text},
      {"select", "The attributes that are told, separated by commas", text},
      {"snapshot", "Whether what matches now is told first", yes_or_no},
  };
  get.answers = {stream_answer()};
  events.methods = {std::move(get)};
  return events;
}

}  // namespace

enum class Kind { Resource, Filter };

// How many streams there are. Shared with them.
struct EventEndpoints::Places {
  Places(const EventOptions& options, telemetry::Metrics& metrics)
      : most_streams(options.most_streams),
        most_filter_streams(options.most_filter_streams),
        open(metrics.gauge("jobengine_api_event_streams", "Event streams that are open")),
        refused(metrics.counter("jobengine_api_event_streams_refused_total",
                                "Event streams refused because there were too many")) {}

  bool enter(Kind kind) {
    const std::lock_guard lock(mutex);
    const bool filtered = kind == Kind::Filter;
    if (streams >= most_streams || (filtered && filters >= most_filter_streams)) return false;
    ++streams;
    if (filtered) ++filters;
    open.set(static_cast<double>(streams));
    return true;
  }
  void leave(Kind kind) {
    const std::lock_guard lock(mutex);
    --streams;
    if (kind == Kind::Filter) --filters;
    open.set(static_cast<double>(streams));
  }

  const std::size_t most_streams;
  const std::size_t most_filter_streams;
  telemetry::Gauge& open;
  telemetry::Counter& refused;

 private:
  std::mutex mutex;  // guards these
  std::size_t streams = 0;
  std::size_t filters = 0;
};

// Held for as long as a stream is there.
class EventEndpoints::Place {
 public:
  // Throws CimiError 503 when there is none.
  Place(std::shared_ptr<Places> places, Kind kind) : places_(std::move(places)), kind_(kind) {
    if (places_->enter(kind_)) return;
    places_->refused.add();
    throw CimiError(503, "too many event streams are open");
  }
  ~Place() { places_->leave(kind_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  std::shared_ptr<Places> places_;
  Kind kind_;
};

EventEndpoints::EventEndpoints(Hub& hub, store::Store& store,
                               access::Authentication& authentication, telemetry::Metrics& metrics,
                               EventOptions options)
    : options_(options),
      world_{hub, store,
             [&authentication](access::Identity who) {
               return authentication.still_holds(std::move(who));
             },
             [&sent = metrics.counter("jobengine_api_events_sent_total", "Events sent to clients")](
                 std::size_t count) { sent.add(static_cast<double>(count)); },
             options.stream},
      places_(std::make_shared<Places>(options, metrics)) {}

void EventEndpoints::offer_to(cimi::Service& service) {
  cimi::ResourceEndpoint one = [this](cimi::Collection& collection, Call call) {
    return of_resource(collection, std::move(call));
  };
  cimi::Endpoint many = [this, &service](Call call) {
    return of_collection(service, std::move(call));
  };
  service.offer(resource_description(), std::move(one));
  service.offer(description(), std::move(many));
}

std::shared_ptr<const void> EventEndpoints::place() {
  return std::make_shared<Place>(places_, Kind::Resource);
}

awaitable<http::Response> EventEndpoints::of_resource(cimi::Collection& collection, Call call) {
  if (call.method != "GET") throw cimi::undefined_action(call);
  ResourceStreamRequest request;
  request.id = call.route.resource_id();
  request.who = call.who;
  request.attributes = attributes_of(call);
  request.last_event_id = call.last_event_id;
  auto place = std::make_shared<Place>(places_, Kind::Resource);
  auto stream = std::make_shared<ResourceStream>(world_, collection, std::move(request));
  const bool more = co_await stream->open();
  if (!more) {
    // The one answer after which a browser does not come back.
    http::Response nothing_more;
    nothing_more.status = 204;
    co_return nothing_more;
  }
  co_return stream_response(std::move(stream), std::move(place));
}

awaitable<http::Response> EventEndpoints::of_collection(const cimi::Service& service, Call call) {
  if (!call.route.uuid.empty()) throw CimiError(404, "unknown resource", call.uri);
  if (call.method != "GET") throw cimi::method_not_allowed(call);
  const auto names = call.url.all("collection");
  const std::string name = names.empty() ? "job" : names.back();
  auto* collection = service.collection(name);
  if (collection == nullptr) throw cimi::bad_request("collection: there is no '" + name + "'");
  FilterStreamRequest request;
  request.who = call.who;
  request.attributes = attributes_of(call);
  const auto filters = call.url.all("filter");
  if (!filters.empty()) request.filter = filter::parse_all(filters);
  request.snapshot = flag(call, "snapshot");
  request.resumed = !call.last_event_id.empty();
  auto place = std::make_shared<Place>(places_, Kind::Filter);
  auto stream = std::make_shared<FilterStream>(world_, *collection, std::move(request));
  co_await stream->open();
  co_return stream_response(std::move(stream), std::move(place));
}

}  // namespace jobengine::api::events
