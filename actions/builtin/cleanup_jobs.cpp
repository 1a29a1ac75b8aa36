// cleanup_jobs: deletes jobs that are over and were created long ago.
// Payload: "older-than", a number with a unit of CIMI's dates (s, m, h, d, w, M, y); default 7d.
#include <cstdint>
#include <jobengine/action.hpp>
#include <string>

namespace {

constexpr const char* default_age = "7d";
constexpr std::size_t most_digits = 6;

std::string age_of(jobengine::Payload& payload) {
  const auto age = payload.text_or("older-than", default_age);
  const auto digits = age.find_first_not_of("0123456789");
  const bool right = digits != std::string::npos && digits > 0 && digits <= most_digits &&
                     digits + 1 == age.size() &&
                     std::string("smhdwMy").find(age.back()) != std::string::npos;
  if (!right) {
    jobengine::Payload::fail("older-than", "a number and one of s, m, h, d, w, M, y (\"7d\")", age);
  }
  return age;
}

class CleanupJobs : public jobengine::Action {
 public:
  std::string name() const override { return "cleanup_jobs"; }
  std::string description() const override {
    return "Deletes jobs that are over; payload: older-than (default 7d)";
  }

  int run(jobengine::Job& job) override {
    jobengine::Payload payload(job.payload());
    const auto age = age_of(payload);
    payload.finish();
    const auto summary = job.api().bulk_delete(
        "job", "state=['SUCCESS', 'FAILED', 'CANCELED'] and created<'now-" + age + "'");
    job.status(message(summary));
    return 0;
  }

 private:
  // What an unfinished run leaves, the next one finds.
  static std::string message(const nlohmann::json& summary) {
    const auto deleted = std::to_string(summary.value("deleted", int64_t{0}));
    if (summary.value("timed_out", false)) {
      return "Cleanup of completed jobs timed out. Removed " + deleted + " jobs so far.";
    }
    return "Cleanup of completed jobs finished. Removed " + deleted + " jobs.";
  }
};

}  // namespace

JE_EXPORT_ACTION(CleanupJobs);
