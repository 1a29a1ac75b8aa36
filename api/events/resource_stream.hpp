// GET /api/<collection>/<uuid>/events: the present state of one resource and each change of it,
// until it is final or deleted.
#pragma once

#include "api/cimi/collection.hpp"
#include "api/events/stream.hpp"

namespace jobengine::api::events {

struct ResourceStreamRequest {
  std::string id;
  access::Identity who;
  std::vector<std::string> attributes;
  std::string last_event_id;  // the revision the client knows; "": none
};

class ResourceStream : public Stream {
 public:
  ResourceStream(const StreamWorld& world, cimi::Collection& collection,
                 ResourceStreamRequest request);
  // Throws CimiError 404 or 403. False: the client knows the end already.
  awaitable<bool> open();

 private:
  void handle(const Change& change) override;
  void behind() override {}  // of one resource the newest is always kept
  void tell(const store::StoredDocument& stored);
  bool is_final(const store::StoredDocument& stored) const;

  cimi::Collection& collection_;
  const ResourceStreamRequest request_;
  Told told_;
};

}  // namespace jobengine::api::events
