#include <fstream>
#include <jobengine/action.hpp>

class CountLines : public jobengine::Action {
 public:
  std::string name() const override { return "count_lines"; }
  std::string description() const override { return "Counts lines; payload: path"; }

  int run(jobengine::Job& job) override {
    const std::string path = jobengine::Payload(job.payload()).text("path");
    std::ifstream file(path);
    if (!file) return job.fail("cannot open " + path);
    long lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
      if (job.stop_requested()) return 1;
    }
    job.status(path + " has " + std::to_string(lines) + " lines");
    return 0;
  }
};
JE_EXPORT_ACTION(CountLines);
