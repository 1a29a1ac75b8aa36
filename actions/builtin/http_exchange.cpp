#include "actions/builtin/http_exchange.hpp"

#include <curl/curl.h>

#include <array>
#include <limits>
#include <memory>

namespace jobengine::actions {

namespace {

constexpr long most_redirects = 10;
constexpr int longest_poll_ms = 1000;

// Once in a process, before any other thread of this plugin uses libcurl.
void initialise_curl() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw HttpFailure(curl_easy_strerror(result));
}

template <class T, auto release>
struct Release {
  void operator()(T* object) const { release(object); }
};
using Easy = std::unique_ptr<CURL, Release<CURL, curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Release<CURLM, curl_multi_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, Release<curl_slist, curl_slist_free_all>>;

struct Received {
  std::string body;
  std::size_t most_bytes;
  bool too_large = false;
};

std::size_t receive(char* data, std::size_t, std::size_t count, void* context) noexcept {
  auto& received = *static_cast<Received*>(context);
  if (received.body.size() + count > received.most_bytes) {
    received.too_large = true;
    return 0;  // fails the transfer
  }
  try {
    received.body.append(data, count);
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return count;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode result = curl_easy_setopt(easy, option, value);
  if (result != CURLE_OK) throw HttpFailure(curl_easy_strerror(result));
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    [[maybe_unused]] auto* shorter =
        list.release();  // is the head of, or the same as, the longer one
    list.reset(longer);
  };
  for (const auto& [name, value] : request.headers) {
    // "Name;" is libcurl's way of writing a header without a value.
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  // No waiting for "100 Continue".
  add("Expect:");
  return list;
}

void set_method(CURL* easy, const HttpRequest& request) {
  if (request.has_body) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    if (request.method != "POST") set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST") {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{0});
    set(easy, CURLOPT_POSTFIELDS, "");
  } else if (request.method != "GET") {
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void prepare(CURL* easy, const HttpRequest& request, curl_slist* headers, Received& received,
             char* error_text) {
  set(easy, CURLOPT_ERRORBUFFER, error_text);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  set(easy, CURLOPT_MAXREDIRS, most_redirects);
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_USERAGENT, "job-engine/" JE_VERSION);
  set(easy, CURLOPT_HTTPHEADER, headers);
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(easy, CURLOPT_WRITEFUNCTION, &receive);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&received));
  set_method(easy, request);
}

void check(CURLMcode result) {
  if (result != CURLM_OK) throw HttpFailure(curl_multi_strerror(result));
}

// Runs the transfer to its end; throws HttpStopped when the stop comes first.
CURLcode transfer(CURLM* multi, int stop_descriptor) {
  for (int running = 1;;) {
    check(curl_multi_perform(multi, &running));
    if (running == 0) break;
    curl_waitfd stop{stop_descriptor, CURL_WAIT_POLLIN, 0};
    check(curl_multi_poll(multi, &stop, 1, longest_poll_ms, nullptr));
    if (stop.revents != 0) throw HttpStopped("stopped on request");
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_FAILED_INIT;
}

// Takes the transfer out of the multi handle before either is released.
class Registration {
 public:
  Registration(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
    check(curl_multi_add_handle(multi, easy));
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { curl_multi_remove_handle(multi_, easy_); }

 private:
  CURLM* multi_;
  CURL* easy_;
};

HttpAnswer answer_of(CURL* easy, Received& received) {
  HttpAnswer answer;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  const char* url = nullptr;
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  if (url != nullptr) answer.url = url;
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &microseconds);
  answer.duration = std::chrono::milliseconds(microseconds / 1000);
  answer.body = std::move(received.body);
  return answer;
}

}  // namespace

HttpAnswer http_exchange(const HttpRequest& request, int stop_descriptor) {
  initialise_curl();
  const HeaderList headers = header_list(request);
  Received received{{}, request.most_bytes};
  std::array<char, CURL_ERROR_SIZE> error_text{};
  const Multi multi(curl_multi_init());
  const Easy easy(curl_easy_init());
  if (!easy || !multi) throw std::bad_alloc();
  prepare(easy.get(), request, headers.get(), received, error_text.data());
  const Registration registration(multi.get(), easy.get());
  const CURLcode result = transfer(multi.get(), stop_descriptor);
  if (received.too_large) {
    throw HttpFailure("the answer is larger than " + std::to_string(request.most_bytes) + " bytes");
  }
  if (result != CURLE_OK) {
    throw HttpFailure(error_text[0] != '\0' ? error_text.data() : curl_easy_strerror(result));
  }
  return answer_of(easy.get(), received);
}

}  // namespace jobengine::actions
