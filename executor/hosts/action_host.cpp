#include "executor/hosts/action_host.hpp"

#include <utility>

namespace jobengine::executor {

void hand_to(HostListener& listener, FromHost message) {
  if (auto* progress = std::get_if<ProgressMessage>(&message)) {
    listener.on_progress(progress->percent);
  } else if (auto* status = std::get_if<StatusMessage>(&message)) {
    listener.on_status(std::move(status->text));
  } else if (auto* resource = std::get_if<AffectedResourceMessage>(&message)) {
    listener.on_affected_resource(std::move(resource->href));
  } else if (auto* log = std::get_if<LogMessage>(&message)) {
    listener.on_log(log->level, std::move(log->line));
  } else if (auto* request = std::get_if<ApiRequestMessage>(&message)) {
    listener.on_api_request(std::move(*request));
  } else if (auto* checkpoint = std::get_if<CheckpointMessage>(&message)) {
    listener.on_checkpoint(std::move(*checkpoint));
  }
}

}  // namespace jobengine::executor
