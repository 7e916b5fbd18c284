import { faultsOf } from '#kernel';
import { CONFIG_DOCUMENTATION } from '#registry';
import { AllowRoles, CurrentPrincipal, type Principal } from '#tenancy';
import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { queryPage } from '../preview/preview-page.schema.js';
import { ServerPreviews } from '../preview/server-previews.js';

/** A look at what would become of a configuration. */
@ApiTags('servers')
@Controller('api/v1')
export class PreviewController {
  constructor(private readonly previews: ServerPreviews) {}

  // The router takes a colon for the beginning of a parameter, unless there are two.
  @Post('servers::preview')
  @HttpCode(200)
  @AllowRoles('admin')
  @ApiOperation({
    summary: 'What a configuration would make, and what it would change',
    description:
      'Checks the configuration as registering does, and imports its document. The service is not called, no process is ' +
      'started, and nothing is stored. For an id that exists the answer tells what would be different from what serves now.',
  })
  @ApiQuery({ name: 'offset', required: false, description: 'The first operation that is told, 0 unless given' })
  @ApiQuery({ name: 'limit', required: false, description: 'Operations that are told at most, 2000 unless given' })
  @ApiBody({ schema: CONFIG_DOCUMENTATION })
  async preview(@CurrentPrincipal() by: Principal, @Body() config: unknown, @Query() query: unknown): Promise<object> {
    const page = queryPage.safeParse(query);
    if (!page.success) throw new InvalidArgumentsError(faultsOf(page.error.issues));
    return this.previews.preview(by, config, page.data);
  }
}
