// HTTP byte by byte, for what no HTTP library would send.
#pragma once

#include <cstdint>
#include <string>

namespace jobengine::tests {

class Wire {
 public:
  explicit Wire(std::uint16_t port);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // False when the other side is gone.
  bool send(const std::string& bytes);
  // Says that nothing more will be sent; reads on.
  void end_sending();
  // Everything until the other side closes; fails the test when it does not within a minute.
  std::string read_all();
  // Until that text came, or the end.
  std::string read_until(const std::string& text);

 private:
  bool read_some(std::string& received);
  int socket_ = -1;
};

// One connection, one exchange.
std::string converse(std::uint16_t port, const std::string& bytes);

}  // namespace jobengine::tests
