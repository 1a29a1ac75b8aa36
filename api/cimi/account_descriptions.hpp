// What sessions, users, groups, credentials and templates tell about themselves. Each takes the
// description every collection has and adds to it. Pure.
#pragma once

#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

Description described_session(Description base);
Description described_user(Description base);
Description described_group(Description base);
Description described_credential(Description base);
Description described_template(Description base);

}  // namespace jobengine::api::cimi
