#include "common/cimi/reply.hpp"

#include <algorithm>

namespace jobengine::cimi {

namespace {

// Deeper documents would overflow the stack of whoever copies or prints them.
constexpr int deepest = 200;

// What the brackets of a text tell without reading what is between them.
struct Outline {
  int depth = 0;              // the greatest
  std::size_t first_end = 0;  // where the first bracket was closed again; 0: it never was
};

Outline outline_of(std::string_view text) {
  Outline outline;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_text) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '"') {
        in_text = false;
      }
    } else if (text[i] == '"') {
      in_text = true;
    } else if (text[i] == '{' || text[i] == '[') {
      outline.depth = std::max(outline.depth, ++depth);
    } else if (text[i] == '}' || text[i] == ']') {
      if (--depth == 0 && outline.first_end == 0) outline.first_end = i + 1;
    }
  }
  return outline;
}

// A page in HTML, an answer that was cut off: they do not.
bool looks_like_an_object(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto start = text.find_first_not_of(blank);
  if (start == std::string_view::npos || text[start] != '{') return false;
  const auto end = text.find_last_not_of(blank);
  return text[end] == '}' && outline_of(text).first_end == end + 1;
}

ReplyKind kind_of_refusal(int status, bool is_json) {
  switch (status) {
    case 401:
    case 403:
      return ReplyKind::Refused;
    case 404:
      // A proxy in front of an API that is away says 404 too, but not in JSON.
      return is_json ? ReplyKind::NotFound : ReplyKind::Unavailable;
    case 409:
      return ReplyKind::Conflict;
    case 412:
      return ReplyKind::PreconditionFailed;
    case 408:
    case 425:
    case 429:
      return ReplyKind::Unavailable;
    default:
      return status >= 400 && status < 500 ? ReplyKind::Invalid : ReplyKind::Unavailable;
  }
}

// For logs: one short line.
std::string excerpt(std::string_view text, std::size_t longest) {
  std::string line;
  for (const char letter : text.substr(0, longest)) {
    line += static_cast<unsigned char>(letter) < 0x20 ? ' ' : letter;
  }
  return text.size() > longest ? line + "…" : line;
}

std::string text_attribute(const nlohmann::json& document, const char* name) {
  if (!document.is_object()) return {};
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string server_message(const HttpAnswer& answer, const nlohmann::json& document) {
  constexpr std::size_t longest_message = 2000;
  constexpr std::size_t longest_foreign_text = 200;
  const std::string message = text_attribute(document, "message");
  if (!message.empty()) return excerpt(message, longest_message);
  return excerpt(answer.body, longest_foreign_text);
}

}  // namespace

Reply reply_to(const std::string& asked, HttpAnswer answer, bool wants_document) {
  Reply reply;
  reply.status = answer.status;
  reply.etag = std::move(answer.etag);
  reply.location = std::move(answer.location);
  const bool success = answer.status >= 200 && answer.status < 300;
  if (success && !wants_document && looks_like_an_object(answer.body)) {
    reply.kind = ReplyKind::Ok;
    return reply;
  }
  bool is_json = false;
  if (!answer.body.empty() && outline_of(answer.body).depth <= deepest) {
    reply.document = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
    is_json = !reply.document.is_discarded();
    if (!is_json) reply.document = nullptr;
  }
  const bool nothing_expected = answer.status == 204 && answer.body.empty();
  if (success && (is_json || nothing_expected)) {
    reply.kind = ReplyKind::Ok;
    reply.message = text_attribute(reply.document, "message");
    reply.text = std::move(answer.body);
    if (reply.status == 201 && reply.location.empty()) {
      reply.location = text_attribute(reply.document, "resource-id");
    }
    return reply;
  }
  const std::string start = asked + ": answered " + std::to_string(answer.status);
  if (success) {
    reply.kind = ReplyKind::Unavailable;
    reply.message =
        start + " with something that is not JSON: " + server_message(answer, reply.document);
    return reply;
  }
  reply.kind = kind_of_refusal(answer.status, is_json);
  const std::string message = server_message(answer, reply.document);
  reply.message = message.empty() ? start : start + ": " + message;
  if (answer.status >= 300 && answer.status < 400 && !reply.location.empty()) {
    reply.message = start + ", a redirection (not followed) to " + reply.location;
  }
  return reply;
}

Reply no_reply(const std::string& asked, const std::string& reason) {
  Reply reply;
  reply.kind = ReplyKind::Unreachable;
  reply.message = asked + ": " + reason;
  return reply;
}

Reply unsendable(const std::string& asked, const std::string& reason) {
  Reply reply;
  reply.kind = ReplyKind::Invalid;
  reply.message = asked + ": cannot be sent: " + reason;
  return reply;
}

}  // namespace jobengine::cimi
