// The mark of everything that crosses a library border.
#pragma once

#define PELLUCID_EXPORT __attribute__((visibility("default")))
