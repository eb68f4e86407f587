export function showRamp() {}
