// Which actions the operator lets run in a thread of the executor. An author may only ask for it
// (manifest: isolation shared). Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::executor {

class SharedActions {
 public:
  // None.
  SharedActions() = default;
  // Names as in the manifests ("bulk_*" included); "all" stands for every action. Empty ones are
  // left out.
  explicit SharedActions(const std::vector<std::string>& names);

  bool allow(std::string_view action) const;
  // Those given, but for "all".
  const std::set<std::string, std::less<>>& names() const { return names_; }

 private:
  bool all_ = false;
  std::set<std::string, std::less<>> names_;
};

}  // namespace jobengine::executor
