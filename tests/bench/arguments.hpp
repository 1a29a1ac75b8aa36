// "--name value" pairs of the small programs of this folder, which other programs start.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

namespace jobengine::bench {

class Arguments {
 public:
  // From argv[first] on. Throws std::invalid_argument for what is no pair.
  Arguments(int argc, char** argv, int first) {
    for (int i = first; i < argc; i += 2) {
      const std::string name = argv[i];
      if (!name.starts_with("--") || i + 1 >= argc) {
        throw std::invalid_argument("expected pairs of --name and value, not '" + name + "'");
      }
      values_[name.substr(2)] = argv[i + 1];
    }
  }

  // Throws std::invalid_argument when it was not given.
  const std::string& text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::invalid_argument("--" + name + " is missing");
    return found->second;
  }
  std::string text_or(const std::string& name, const std::string& otherwise) const {
    return values_.contains(name) ? values_.at(name) : otherwise;
  }
  double number_or(const std::string& name, double otherwise) const {
    if (!values_.contains(name)) return otherwise;
    std::size_t read = 0;
    const double number = std::stod(values_.at(name), &read);
    if (read != values_.at(name).size()) {
      throw std::invalid_argument("--" + name + ": '" + values_.at(name) + "' is no number");
    }
    return number;
  }
  int count_or(const std::string& name, int otherwise) const {
    return static_cast<int>(number_or(name, otherwise));
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace jobengine::bench
