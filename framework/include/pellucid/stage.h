// What computes on blocks of items: Stage, Reducer, Procedure, Sink.
#pragma once

#include <pellucid/component.h>  // IWYU pragma: export
